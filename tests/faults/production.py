"""A service as production runs it, and what its log must not say."""

import asyncio
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg

from tests.faults.client import Answer, ask, eventually
from tests.support.serving import Served, clean_environment, free_port, serving, sql

MORE_ROUTES = Path(__file__).with_name("more_routes.py")
# What asyncio and SQLAlchemy say about what was left hanging.
LEAKS = re.compile(r"non-checked-in|never retrieved|never awaited|was destroyed but it is pending")


@dataclass(frozen=True)
class Production:
    """A rendered service in a folder with its runtime dependencies."""

    folder: Path
    where: str = "production"

    def environment(self, **settings: str) -> dict[str, str]:
        return clean_environment(ENVIRONMENT=self.where, PYTHONPATH=str(self.folder), **settings)

    def run(self, module: str, *arguments: str, **settings: str) -> str:
        return subprocess.run(
            [self.folder / ".venv/bin/python", "-m", module, *arguments],
            cwd=self.folder,
            env=self.environment(**settings),
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    def command(self, app: str, port: int) -> list[str]:
        """That of `make serve`, for this app."""
        dry_run = ["make", "--no-print-directory", "--dry-run", "serve", f"PORT={port}"]
        lines = subprocess.run(
            dry_run,
            cwd=self.folder,
            env=self.environment(),
            check=True,
            capture_output=True,
            text=True,
        ).stdout.splitlines()
        [line] = [line for line in lines if "uvicorn app.main:app" in line]
        flags = shlex.split(line.partition("uvicorn app.main:app")[2])
        return [str(self.folder / ".venv/bin/python"), "-m", "uvicorn", app, *flags]

    @contextmanager
    def serve(
        self,
        url: str,
        logs: Path,
        settings: dict[str, object],
        *,
        app: str,
        database_url: str = "",
    ) -> Iterator["Service"]:
        """The service on `url`, whose tests use `database_url` where `url` is a pooler's."""
        shutil.copy2(MORE_ROUTES, self.folder)
        port = free_port()
        given = {name.upper(): str(value) for name, value in settings.items()}
        environment = self.environment(POSTGRES_URL=url, **given)
        with serving(self.command(app, port), self.folder, environment, port, logs) as served:
            served.wait_until_it_answers("/health/live")
            yield Service(served, database_url or url)


@dataclass(frozen=True)
class Service:
    """A service that runs, and its database."""

    served: Served
    database_url: str

    @property
    def port(self) -> int:
        return self.served.port

    @property
    def pid(self) -> int:
        return self.served.process.pid

    @property
    def log(self) -> list[dict[str, Any]]:
        """What it wrote to stdout; each line is JSON."""
        return [json.loads(line) for line in self.served.output.read_text().splitlines()]

    async def sql(self, statement: str) -> list[tuple[Any, ...]]:
        return await asyncio.to_thread(sql, self.database_url, statement)

    async def execute(self, script: str) -> None:
        connection = await asyncpg.connect(self.database_url)
        try:
            await connection.execute(script)
        finally:
            await connection.close()

    async def names(self) -> set[str]:
        """Of the items that are found."""
        return {name for (name,) in await self.sql("SELECT name FROM item")}

    async def pairs(self) -> set[str]:
        """Names of the pairs that are found. None is half-written."""
        halves = Counter(name.split()[0] for name in await self.names())
        assert {name for name, count in halves.items() if count != 2} == set()
        return set(halves)

    def memory(self) -> int:
        """Its resident set, in bytes."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def most_memory(self) -> int:
        """The largest resident set since the last call, in bytes."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")
        return int(re.findall(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)[0]) * 1024

    def cpu_seconds(self) -> float:
        """User and system time that it has taken."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    async def become_ready(self) -> None:
        async def is_ready() -> bool:
            return (await ask(self.port, "GET", "/health/ready")).status == 200

        await eventually(is_ready, "the service is ready")

    async def check_that_nothing_hangs(self) -> None:
        """No connection in use, no transaction open; soon, if not at once."""

        async def pools_are_whole() -> bool:
            answer = await ask(self.port, "GET", "/faults/pools")
            counted: dict[str, int] = json.loads(answer.body)
            assert counted["engines"] in (3, 6)  # one writes, one reads, one probes; see watch.py
            return counted["checked_out"] == 0

        await eventually(pools_are_whole, "every connection is back in its pool")
        await self.check_that_no_transaction_is_open()

    async def check_that_no_transaction_is_open(self) -> None:
        async def no_transaction_is_open() -> bool:
            others = "datname = current_database() AND pid <> pg_backend_pid()"
            query = f"SELECT query FROM pg_stat_activity WHERE {others} AND state <> 'idle'"
            return await self.sql(query) == []

        await eventually(no_transaction_is_open, "no transaction is open")

    def check_log(self, answers: Iterable[Answer]) -> None:
        """Each 5xx is one ERROR, with its request's id; there is no other, and no leak."""
        said = self.served.said
        assert LEAKS.findall(said) == []
        # With several workers uvicorn's parent, which knows nothing of the service, writes there.
        stderr = self.served.errors.read_text().splitlines()
        assert [line for line in stderr if not line.startswith("INFO:     ")] == []
        errors = Counter(
            line.get("request_id") for line in self.log if line["level"] in ("error", "critical")
        )
        failed = [
            line["request_id"]
            for line in self.log
            if line["event"] == "request" and (line["status"] or 500) >= 500
        ]
        assert errors == Counter(failed)
        told = {a.headers["x-request-id"] for a in answers if a.status and a.status >= 500}
        assert told <= set(failed)

    @property
    def tracebacks(self) -> int:
        return sum("exception" in line for line in self.log)

    def log_bytes_per_503(self) -> float:
        """Of all lines of a request, except that with the traceback."""
        lines = self.served.output.read_text().splitlines(keepends=True)
        told = [(json.loads(line), line) for line in lines]
        failed = {line["request_id"] for line, _ in told if line.get("status") == 503}
        sizes = [
            len(text)
            for line, text in told
            if line.get("request_id") in failed and "exception" not in line
        ]
        return sum(sizes) / len(failed)
