"""A Postgres that tests may stop, freeze and starve, and which is gone in the end."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.support.serving import children, dev_module, free_port, processes, sql, until

FAST, IMMEDIATE = signal.SIGINT, signal.SIGQUIT  # as `pg_ctl stop -m` calls them
INITDB = (
    "initdb",
    "--username=postgres",
    "--auth=trust",
    "--encoding=UTF8",
    "--no-locale",
    "--no-sync",
)
BASEBACKUP = ("--write-recovery-conf", "--checkpoint=fast", "--no-sync")
# No machine crashes here, so fsync is idle. Everything else that keeps a commit stays as it is.
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "fsync": "off",
    "max_connections": "100",
    "dynamic_shared_memory_type": "mmap",  # dies with the data, as posix does not
}


class FaultyPostgres:
    """One cluster, one port, one socket; the server comes and goes."""

    def __init__(
        self,
        folder: Path,
        primary: "FaultyPostgres | None" = None,
        *,
        data: Path | None = None,
    ) -> None:
        """An empty cluster, a standby of the primary, or a copy of the data of one that ended."""
        self.folder = folder
        self.port = free_port()
        self.server: subprocess.Popen[bytes] | None = None
        self.unusual: dict[str, str] = {}
        self.account = dev_module("account")
        found = dev_module("binaries").find_binaries()
        self.as_whom = self.account.choose(found, folder)
        self.account.give(folder, self.as_whom)
        self.programs = self.account.reachable(found, self.as_whom)
        if data:
            shutil.copytree(data, folder / "data")
            self.account.give(folder, self.as_whom)
            return
        program, *arguments = (
            ("pg_basebackup", "--dbname", primary.url(), *BASEBACKUP) if primary else INITDB
        )
        command = self.command(program, *arguments, "-D", folder / "data")
        subprocess.run(**command, check=True, stdout=subprocess.DEVNULL)

    def command(self, program: str, *arguments: str | Path) -> dict[str, Any]:
        """Arguments of `subprocess`: a program of this Postgres, as the account of the server."""
        command: dict[str, Any] = self.account.as_account(
            self.as_whom, self.programs / program, *arguments
        )
        return command

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def socket_url(self, database: str = "postgres") -> str:
        return f"postgresql://postgres@/{database}?host={quote(str(self.folder))}&port={self.port}"

    def start(self, **settings: str) -> None:
        """Return when it accepts connections."""
        assert self.server is None
        self.unusual = settings
        given = SETTINGS | {"unix_socket_directories": str(self.folder)} | settings
        options = [f"--{name}={value}" for name, value in given.items()]
        command = self.command(
            "postgres", "-D", self.folder / "data", f"--port={self.port}", *options
        )
        with (self.folder / "log").open("a") as log:
            self.server = subprocess.Popen(
                **command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        until(self._is_ready, f"Postgres listens on port {self.port}")

    def _is_ready(self) -> bool:
        assert self.server
        assert self.server.poll() is None, (self.folder / "log").read_text()[-2000:]
        with contextlib.suppress(OSError, IndexError):
            lines = (self.folder / "data" / "postmaster.pid").read_text().splitlines()
            if lines[0] == str(self.server.pid) and lines[7].startswith("ready"):
                socket.create_connection(("127.0.0.1", self.port)).close()
                return True
        return False

    def stop(self, how: signal.Signals = FAST) -> None:
        """Return when it has ended."""
        if self.server is not None:
            self.server.send_signal(how)
            self.server.wait(60)
            self.server = None

    def kill(self) -> None:
        """All of its processes at once, as when the machine dies."""
        assert self.server
        for pid in (self.server.pid, *children(self.server.pid)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.server.wait(60)
        self.server = None

    def become_standby(self) -> None:
        """Restart as a standby that follows nobody."""
        self.stop()
        (self.folder / "data" / "standby.signal").touch()
        self.account.give(self.folder, self.as_whom)
        self.start()

    def promote(self) -> None:
        """Return when it takes writes."""
        assert sql(self.url(), "SELECT pg_promote()") == [(True,)]

    def restore(self) -> None:
        """Have it run as usual, whatever a test has done to it."""
        if self.server is None or self.server.poll() is not None or self.unusual:
            self.stop(IMMEDIATE)
            self.start()

    @contextlib.contextmanager
    def access(self, rule: str) -> Iterator[None]:
        """A line of pg_hba.conf, before all others."""
        file = self.folder / "data" / "pg_hba.conf"
        rules = file.read_text()
        file.write_text(f"{rule}\n{rules}")
        sql(self.socket_url(), "SELECT pg_reload_conf()")
        try:
            yield
        finally:
            file.write_text(rules)

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """It neither answers nor hangs up, as behind a network that has died."""
        assert self.server
        pid = self.server.pid
        os.kill(pid, signal.SIGSTOP)  # first, so that it has no further children
        pids = [pid, *children(pid)]
        try:
            for child in pids[1:]:
                os.kill(child, signal.SIGSTOP)
            yield
        finally:
            for stopped in reversed(pids):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(stopped, signal.SIGCONT)


@contextlib.contextmanager
def faulty_postgres(
    primary: FaultyPostgres | None = None, *, data: Path | None = None
) -> Iterator[FaultyPostgres]:
    """Not in a test's folder: the path of its socket has to be short."""
    with tempfile.TemporaryDirectory(prefix="pg-faults-") as folder:
        postgres = FaultyPostgres(Path(folder), primary, data=data)
        postgres.start()
        try:
            yield postgres
        finally:
            postgres.stop(IMMEDIATE)
    assert processes("args", folder) == []
