"""PgBouncer between a service and Postgres, by the pgbouncer.ini of template/docs/pooler.md.

None is installed: `make test-system` unpacks Debian's, and that of the next Debian beside it.
"""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.faults.postgres import FaultyPostgres
from tests.support.markdown import blocks
from tests.support.services import ROOT
from tests.support.serving import free_port, until

DEBIAN, TRIXIE = ROOT / "build/debian", ROOT / "build/trixie"
PAGE = ROOT / "template/docs/pooler.md"
ROLE, PASSWORD = "pooled", "hunter2"
SERVER_CONNECTIONS = 5
QUERY_WAIT_SECONDS = 3  # the page's
# What PgBouncer before 1.21 does not know.
NEWER = ("max_prepared_statements", "track_extra_parameters")


@dataclass(frozen=True)
class Release:
    """A PgBouncer, and whether it tracks prepared statements."""

    version: str
    folder: Path
    prepares: bool

    def __str__(self) -> str:
        return f"PgBouncer {self.version}"

    @property
    def command(self) -> tuple[str, ...]:
        """With the libraries that lie beside it; the loader is that of its own libc, if any."""
        [libraries] = {str(file.parent) for file in self.folder.glob("**/libcares.so.2")}
        loader = [str(file) for file in Path(libraries).glob("ld-linux-*")]
        program = str(self.folder / "usr/sbin/pgbouncer")
        if loader:
            return (loader[0], "--library-path", libraries, program)
        return ("/usr/bin/env", f"LD_LIBRARY_PATH={libraries}", program)

    @property
    def settings(self) -> dict[str, object]:
        """Those of a service behind it."""
        prepares = {"postgres_pooler_prepared_statements": self.prepares}
        return {"postgres_pooler": "transaction", **prepares}


OLD = Release("1.18", DEBIAN, prepares=False)
NEW = Release("1.24", TRIXIE, prepares=True)


def documented(*, port: int, postgres_port: int, database: str, folder: Path) -> str:
    """The lines of the page, with these addresses and with few connections to Postgres."""
    [text] = blocks(PAGE.read_text(), "ini")
    for line, local in (
        (
            "service = host=postgres.example.com port=5432 dbname=service",
            f"{database} = host=127.0.0.1 port={postgres_port} dbname={database}",
        ),
        ("listen_addr = 0.0.0.0", "listen_addr = 127.0.0.1\nunix_socket_dir ="),
        ("listen_port = 6432", f"listen_port = {port}"),
        ("/etc/pgbouncer/userlist.txt", f"{folder}/userlist.txt"),
        ("default_pool_size = 20", f"default_pool_size = {SERVER_CONNECTIONS}"),
    ):
        assert text.count(line) == 1, line
        text = text.replace(line, local)
    return text


class Pooler:
    """One PgBouncer, one port; the process comes and goes."""

    def __init__(
        self, release: Release, postgres: FaultyPostgres, database: str, folder: Path
    ) -> None:
        self.release = release
        self.postgres = postgres
        self.database = database
        self.folder = folder
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        (folder / "userlist.txt").write_text(f'"{ROLE}" "{PASSWORD}"\n')
        lines = documented(
            port=self.port, postgres_port=postgres.port, database=database, folder=folder
        ).splitlines()
        self.lines = [
            line for line in lines if release.prepares or line.partition(" ")[0] not in NEWER
        ]

    @property
    def url(self) -> str:
        return f"postgresql://{ROLE}:{PASSWORD}@127.0.0.1:{self.port}/{self.database}"

    def set(self, **parameters: str) -> None:
        """Change lines of the file, or add them; for the next start, or after `reload`."""
        kept = [line for line in self.lines if line.partition(" ")[0] not in parameters]
        self.lines = [*kept, *(f"{name} = {value}" for name, value in parameters.items())]
        (self.folder / "pgbouncer.ini").write_text("\n".join([*self.lines, ""]))

    def start(self) -> None:
        """Return when it listens."""
        assert self.process is None
        self.set()
        self.postgres.account.give(self.folder, self.postgres.as_whom)
        command: dict[str, Any] = self.postgres.account.as_account(
            self.postgres.as_whom, *self.release.command, str(self.folder / "pgbouncer.ini")
        )
        with (self.folder / "log").open("a") as log:
            self.process = subprocess.Popen(
                **command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        until(self._listens, f"PgBouncer listens on port {self.port}")

    def _listens(self) -> bool:
        assert self.process
        assert self.process.poll() is None, (self.folder / "log").read_text()[-2000:]
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port)).close()
            return True
        return False

    def stop(self, how: signal.Signals = signal.SIGKILL) -> None:
        """Return when it has ended."""
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(60)
            self.process = None

    def revive(self) -> None:
        """Start it again if it has ended."""
        if self.process is not None and self.process.poll() is not None:
            self.process = None
            self.start()

    def signal(self, number: signal.Signals) -> None:
        """SIGHUP reloads its file, SIGUSR1 pauses it, SIGUSR2 resumes it."""
        assert self.process
        os.kill(self.process.pid, number)


@contextlib.contextmanager
def pooled(release: Release, postgres: FaultyPostgres, database: str) -> Iterator[Pooler]:
    """Not in a test's folder, which the account of the server may be unable to enter."""
    with tempfile.TemporaryDirectory(prefix="pooler-") as folder:
        pooler = Pooler(release, postgres, database, Path(folder))
        pooler.start()
        try:
            yield pooler
        finally:
            pooler.stop()


@asynccontextmanager
async def supervised(pooler: Pooler | None) -> AsyncIterator[None]:
    """Whenever the pooler ends, it is started again.

    PgBouncer 1.18 ends by "bad client state" when it cancels requests of a frozen Postgres.
    """

    async def supervise(pooler: Pooler) -> None:
        while True:
            await asyncio.to_thread(pooler.revive)
            await asyncio.sleep(0.05)

    supervisor = asyncio.create_task(supervise(pooler)) if pooler else None
    try:
        yield
    finally:
        if supervisor:
            supervisor.cancel()
            await asyncio.wait([supervisor])
