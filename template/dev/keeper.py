"""Runs one Postgres: `python -m dev.keeper PROGRAMS [HOME]`; without HOME, a throw-away one.

Prints the folder of its socket, or why there is none. Standard input is a socket that the kernel
closes when the owner ends, SIGKILL included: then the keeper stops Postgres. `dev/__init__.py` has
the picture.
"""

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from dev.account import as_account, can, choose, data_folder, give, reachable
from dev.binaries import major
from dev.cluster import create
from dev.postgres import OTHERS, socket_folder

# Shared memory of the default type, posix, would outlive a server that is killed.
ALWAYS = (
    "listen_addresses=",
    "port=5432",
    "max_connections=200",
    "dynamic_shared_memory_type=mmap",
)
UNSAFE = ("fsync=off", "full_page_writes=off", "synchronous_commit=off", "autovacuum=off")
MEMORY = "/dev/shm"  # noqa: S108 - mkdtemp makes the names
ENOUGH = 512 << 20
LONGEST = 70  # the path of a socket may have 103 bytes
# Reads the end of its standard input when the keeper ends, SIGKILL included.
WATCH = 'read -r _; kill "$1" "$2"; rm -rf "$3"'


def main(programs: Path, kept: Path | None = None) -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("The keeper of Postgres was told to stop."))
    account = choose(programs, *([kept] if kept else ()))
    programs = reachable(programs, account)
    with tempfile.TemporaryDirectory(prefix="pg-", dir=_scratch(account)) as folder:
        give(Path(folder), account)
        home = kept or Path(folder)
        data = data_folder(kept, account) if kept else home / "data"
        with (home / "users.lock").open("a") as users, _claimed(data) as lock:
            command = _prepare(data.resolve(), programs, account, durable=kept is not None)
            command["args"] += (f"--unix_socket_directories={folder}",)
            command["pass_fds"] = [lock]
            stop = signal.SIGINT if kept else signal.SIGQUIT
            with _running(command, data, home / "log", stop, folder):
                print(folder, flush=True)
                _wait_for_users(users)


@contextlib.contextmanager
def _claimed(data: Path) -> Iterator[int]:
    """A lock that Postgres inherits: it is held while any process uses the data."""
    with data.with_name(f"lock-{data.name}").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit(
                f"Another Postgres, out of reach (in a container?), uses {data}. Stop it first."
            )
        yield file.fileno()


def _prepare(data: Path, programs: Path, account: str, *, durable: bool) -> dict[str, Any]:
    """Create the cluster if there is none; return the command that serves it."""
    if not data.exists():
        create(data, programs, account)
    old, new = (data / "PG_VERSION").read_text().strip(), str(major(programs))
    if old != new:
        sys.exit(
            f"Postgres {old} wrote the data in {data}, and Postgres {new} can't read it: delete it "
            f"with `make reset-db`, or set PG_BIN_DIR to the folder of a Postgres {old}."
        )
    # We hold the lock, so a crash left this file; its pid may be another program's by now.
    (data / "postmaster.pid").unlink(missing_ok=True)
    postgres = programs / "postgres"
    if durable:  # --single needs no client program. An error says that the database exists.
        command = as_account(account, postgres, "--single", "-D", data, "postgres")
        subprocess.run(**command, input=b"CREATE DATABASE app\n", capture_output=True, check=False)
    settings = (*ALWAYS, *(() if durable else UNSAFE))
    return as_account(account, postgres, "-D", data, *(f"--{setting}" for setting in settings))


@contextlib.contextmanager
def _running(
    command: dict[str, Any], data: Path, log: Path, stop: signal.Signals, folder: str
) -> Iterator[None]:
    """Run Postgres. The keeper exits when Postgres does, at start-up or later."""
    text = "Postgres has ended. Its log says:\n"
    signal.signal(signal.SIGCHLD, lambda *_: sys.exit(text + log.read_text()[-2000:]))
    with log.open("w") as out:
        server = subprocess.Popen(**command, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    watcher = _watch(server.pid, stop, folder)
    try:
        while not socket_folder(data):
            time.sleep(0.01)
        yield
    finally:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        server.send_signal(stop)
        server.wait()
        watcher.kill()
        watcher.communicate()


def _watch(pid: int, stop: signal.Signals, folder: str) -> "subprocess.Popen[bytes]":
    """Stops Postgres, and removes the folder of its socket, if the keeper is killed."""
    command = ("sh", "-c", WATCH, "sh", f"-{stop:d}", str(pid), folder)
    nowhere = subprocess.DEVNULL
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=nowhere, stderr=nowhere)


def _wait_for_users(lock: IO[str]) -> None:
    """Wait until the owner and every process that joined have left; later ones queue here."""
    with contextlib.suppress(ConnectionResetError):
        os.read(0, 1)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        with contextlib.suppress(BrokenPipeError):
            print(OTHERS, end="", flush=True)
        with open(os.devnull, "w") as nowhere:  # noqa: PTH123
            os.dup2(nowhere.fileno(), 1)
            os.dup2(nowhere.fileno(), 2)
        os.close(0)
        fcntl.flock(lock, fcntl.LOCK_EX)


def _scratch(account: str) -> str:
    """A folder with a short path, in memory if there is enough."""
    if os.access(MEMORY, os.W_OK | os.X_OK) and shutil.disk_usage(MEMORY).free >= ENOUGH:
        return MEMORY
    folder = tempfile.gettempdir()
    return folder if len(folder) < LONGEST and can(account, Path(folder)) else "/tmp"  # noqa: S108


if __name__ == "__main__":
    try:
        main(*map(Path, sys.argv[1:]))
    except (OSError, subprocess.SubprocessError) as error:
        sys.exit(f"Postgres can't be run here: {error}")
