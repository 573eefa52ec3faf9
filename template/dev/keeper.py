"""Runs one Postgres: `python -m dev.keeper PROGRAMS [HOME]`, without HOME a throw-away one.

Prints the folder of its socket, or why there is none. Standard input is a socket that the kernel
closes when the owner ends, SIGKILL included: then Postgres is stopped, and nothing stays behind.
"""

import contextlib
import fcntl
import hashlib
import os
import pwd
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
from dev.postgres import OTHERS, major, socket_folder, version

INITDB = ("--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync")
BUILTIN = ("--locale-provider=builtin", "--builtin-locale=C.UTF-8")
BUILTIN_SINCE = 17
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
            with _running(command, data, home / "log", signal.SIGINT if kept else signal.SIGQUIT):
                print(folder, flush=True)
                _wait_for_users(users)


@contextlib.contextmanager
def _claimed(data: Path) -> Iterator[int]:
    """A lock that Postgres inherits, so that it is held while any process works on the data."""
    with data.with_name(f"lock-{data.name}").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit(
                f"Another Postgres, out of reach (in a container?), uses {data}. Stop it first."
            )
        yield file.fileno()


def _prepare(data: Path, programs: Path, account: str, *, durable: bool) -> dict[str, Any]:
    """Makes the cluster if there is none, and returns the command that serves it."""
    if not data.exists():
        _create(data, programs, account)
    old, new = (data / "PG_VERSION").read_text().strip(), str(major(programs))
    if old != new:
        sys.exit(
            f"Postgres {old} wrote the data in {data}, and Postgres {new} can't read it: delete it "
            f"with `make reset-db`, or set PG_BIN_DIR to the folder of a Postgres {old}."
        )
    # Left by a crash, for the lock is ours; and its pid may be another program's by now.
    (data / "postmaster.pid").unlink(missing_ok=True)
    postgres = programs / "postgres"
    if durable:  # --single needs no client program. An error says that the database exists.
        command = as_account(account, postgres, "--single", "-D", data, "postgres")
        subprocess.run(**command, input=b"CREATE DATABASE app\n", capture_output=True, check=False)
    settings = (*ALWAYS, *(() if durable else UNSAFE))
    return as_account(account, postgres, "-D", data, *(f"--{setting}" for setting in settings))


def _create(data: Path, programs: Path, account: str) -> None:
    """initdb takes 0.4 s or more, a copy of its result, kept in a cache, 0.1 s."""
    arguments = (*INITDB, *(BUILTIN if major(programs) >= BUILTIN_SINCE else ()))
    key = "\n".join((version(programs), os.uname().machine, *arguments))
    seed = _cache() / hashlib.sha256(key.encode()).hexdigest()[:12]
    new = data.with_name("new")  # never half a cluster under the right name
    shutil.rmtree(new, ignore_errors=True)
    try:
        shutil.copytree(seed, new)
    except OSError:
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(0o700)
        give(new, account)
        command = as_account(account, programs / "initdb", "-D", new, *arguments)
        subprocess.run(**command, check=True, stdout=subprocess.DEVNULL)
        with contextlib.suppress(OSError):  # a cache that can't be written, or one faster than us
            seed.parent.mkdir(0o700, parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=seed.parent) as copy:
                shutil.copytree(new, Path(copy, "data")).rename(seed)
    give(new, account)
    new.rename(data)


@contextlib.contextmanager
def _running(
    command: dict[str, Any], data: Path, log: Path, stop: signal.Signals
) -> Iterator[None]:
    """Exits when Postgres does, at its start or later."""
    text = "Postgres has ended. Its log says:\n"
    signal.signal(signal.SIGCHLD, lambda *_: sys.exit(text + log.read_text()[-2000:]))
    with log.open("w") as out:
        server = subprocess.Popen(**command, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    try:
        while not socket_folder(data):
            time.sleep(0.01)
        yield
    finally:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        server.send_signal(stop)
        server.wait()


def _wait_for_users(lock: IO[str]) -> None:
    """Until the owner and all who joined have gone. Newcomers then wait for this lock, and us."""
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


def _cache() -> Path:
    """Root's own, as HOME may still be that of the account which called sudo."""
    home = pwd.getpwuid(0).pw_dir if os.geteuid() == 0 else os.environ.get("HOME", "/nowhere")
    return Path(
        os.environ.get("XDG_CACHE_HOME") or f"{home}/.cache", f"dev-postgres-{os.geteuid()}"
    )


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
