"""A real Postgres for development and tests, from programs that are found, never downloaded.

Every server has a keeper, a process of its own (`dev/keeper.py`) that ends with its owner.
"""

import contextlib
import fcntl
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

from dev.binaries import PostgresUnavailable, find_binaries

OTHERS = "Others use the server.\n"  # printed by a keeper that outlives its owner


@contextlib.contextmanager
def temporary_server() -> Iterator[str]:
    """The URL of a new server, which ends, with its data, when the block or the process does."""
    with _keeper(find_binaries()) as folder:
        yield _url(folder, "postgres")


@contextlib.contextmanager
def development_server(root: Path) -> Iterator[str]:
    """The URL of the database `app` of a server that keeps its data in `root/.postgres`.

    Joins the server that another process runs there. The last one out stops it.
    """
    home = root.resolve() / ".postgres"
    home.mkdir(exist_ok=True)
    # On leaving, the user's lock is released first: the keeper stays while anybody holds it.
    with contextlib.ExitStack() as keeper, contextlib.ExitStack() as user:
        with _locked(home / "start.lock", fcntl.LOCK_EX):
            user.enter_context(_locked(home / "users.lock", fcntl.LOCK_SH))
            # A process that joins needs no programs, so they are looked for last.
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


def socket_folder(data: Path) -> str | None:
    """Where the server of postmaster.pid listens, if it is ready and answers."""
    with contextlib.suppress(OSError, IndexError), socket.socket(socket.AF_UNIX) as client:
        lines = (data / "postmaster.pid").read_text().splitlines()
        client.connect(f"{lines[4]}/.s.PGSQL.5432")
        return lines[4] if lines[7].startswith("ready") else None
    return None


def has_ended(url: str) -> bool:
    """Whether the server of a socket's URL has: its keeper removes the folder of the socket."""
    folder = parse_qs(urlsplit(url).query).get("host", ["/"])[0]
    return folder.startswith("/") and not Path(folder).exists()


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
                # -S: the keeper needs the standard library alone, and starts faster.
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
            said = answers.read()
            if said != OTHERS:
                keeper.wait()
            if said not in ("", OTHERS):
                print(said.strip(), file=sys.stderr)  # why it ended before
