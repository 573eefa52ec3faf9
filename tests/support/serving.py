"""Processes that serve, and the Postgres behind them. All are stopped, whatever a test does."""

import asyncio
import contextlib
import importlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import httpx2

from tests.support.services import ROOT

DEADLINE_SECONDS = 60
UV = os.environ.get("UV", "uv")
# Bytecode may be written: a service that starts often starts twice as fast with it.
HIDDEN = {"VIRTUAL_ENV", "UV", "UV_PROJECT_ENVIRONMENT", "PYTHONDONTWRITEBYTECODE", "MAKEFLAGS"}
HIDDEN |= {"POSTGRES_URL", "DATABASE_URL", "ENVIRONMENT", "DEBUG", "ENV_FILE"}
HIDDEN |= {"PORT", "HOST", "WEB_CONCURRENCY"}
ResultT = TypeVar("ResultT")


def until(condition: Callable[[], ResultT | None], what: str) -> ResultT:
    """The first true result of `condition`. Fails with `what` when it takes too long."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not (result := condition()):
        assert time.monotonic() < deadline, f"After {DEADLINE_SECONDS} s still not: {what}"
        time.sleep(0.02)
    return result


def free_port() -> int:
    """Below the range from which the kernel takes ports for clients. Nobody is given it twice.

    A UDP socket of the same number, open as long as this process, tells other runs that it's ours.
    """
    for port in range(12000, 28000):
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            with socket.socket(type=socket.SOCK_DGRAM) as claim:
                claim.bind(("127.0.0.1", port))
                claim.detach()
            return port
    raise AssertionError("There is no free port.")


def clean_environment(**variables: str) -> dict[str, str]:
    """A newcomer's: without settings of services, and without what `uv run pytest` has added."""
    mine = str(ROOT / ".venv")
    kept = {name: value for name, value in os.environ.items() if name not in HIDDEN}
    folders = [part for part in kept["PATH"].split(os.pathsep) if not part.startswith(mine)]
    folders += [str(Path(UV).parent)] if Path(UV).is_absolute() else []
    return kept | {"PATH": os.pathsep.join(folders)} | variables


def processes(column: str, value: str) -> list[str]:
    """The commands of the processes that run, and whose column of `ps` contains the value."""
    listed = subprocess.run(
        ["ps", "-eww", "-o", f"stat=,{column}=,args="], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    rows = [line.split(maxsplit=2) for line in listed]
    return [
        row[-1]
        for row in rows
        if not row[0].startswith("Z")
        and (row[1] == value if column == "pgid" else value in " ".join(row[1:]))
    ]


def children(pid: int) -> list[int]:
    """The processes that a process has started, the oldest first."""
    listed = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=True
    )
    return sorted(int(number) for number in listed.stdout.split())


@dataclass
class Served:
    """A process that serves on a port, in a process group of its own."""

    process: "subprocess.Popen[bytes]"
    port: int
    output: Path
    errors: Path
    clients: list[httpx2.Client] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def request(self, method: str, path: str, **options: Any) -> httpx2.Response:
        with httpx2.Client(base_url=self.url, trust_env=False, timeout=20) as client:
            return client.request(method, path, **options)

    def get(self, path: str, **options: Any) -> httpx2.Response:
        return self.request("GET", path, **options)

    def answers(self, path: str, status: int = 200) -> bool:
        """Whether it does. Fails when the process has ended."""
        assert self.process.poll() is None, self.said
        try:
            return self.get(path).status_code == status
        except httpx2.TransportError:
            return False

    def wait_until_it_answers(self, path: str, status: int = 200) -> None:
        until(lambda: self.answers(path, status), f"{path} answers {status}")

    @property
    def said(self) -> str:
        return self.output.read_text() + self.errors.read_text()

    def wait(self) -> int:
        """The exit code."""
        return self.process.wait(DEADLINE_SECONDS)

    def left(self) -> list[str]:
        """The processes of its group that run after its end."""
        deadline = time.monotonic() + 5
        while (rest := processes("pgid", str(self.process.pid))) and time.monotonic() < deadline:
            time.sleep(0.02)
        return rest


@contextmanager
def serving(
    command: Sequence[str], folder: Path, environment: Mapping[str, str], port: int, logs: Path
) -> Iterator[Served]:
    """Start the command, and stop all of its process group in the end."""
    logs = logs / uuid4().hex[:8]
    logs.mkdir()
    output, errors = logs / "output", logs / "errors"
    with output.open("w") as out, errors.open("w") as err:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,
        )
    served = Served(process, port, output, errors)
    try:
        yield served
    finally:
        stop_group(process)


def stop_group(process: "subprocess.Popen[bytes]") -> None:
    """SIGINT first, after which `make dev` stops its Postgres, and SIGKILL for what is left."""
    for number in (signal.SIGINT, signal.SIGKILL):
        deadline = time.monotonic() + 10
        try:
            os.killpg(process.pid, number)
            while processes("pgid", str(process.pid)) and time.monotonic() < deadline:
                process.poll()
                time.sleep(0.02)
        except ProcessLookupError:
            break
    process.wait(DEADLINE_SECONDS)


def dev_module(name: str) -> ModuleType:
    """A module of the template's `dev`."""
    sys.path.insert(0, str(ROOT / "template"))
    try:
        return importlib.import_module(f"dev.{name}")
    finally:
        sys.path.pop(0)


def temporary_server() -> AbstractContextManager[str]:
    """The template's own throw-away Postgres."""
    server: AbstractContextManager[str] = dev_module("postgres").temporary_server()
    return server


def new_database(server_url: str, template: str = "template0") -> str:
    """The URL of a copy of the template, which is a database that nobody uses."""
    name = f"test_{uuid4().hex}"
    sql(server_url, f"CREATE DATABASE {name} TEMPLATE {template}")
    return urlsplit(server_url)._replace(path=f"/{name}").geturl()


def sql(url: str, statement: str) -> list[tuple[Any, ...]]:
    """The rows of one statement."""

    async def fetch() -> list[tuple[Any, ...]]:
        connection = await asyncpg.connect(url)
        try:
            return [tuple(row) for row in await connection.fetch(statement)]
        finally:
            await connection.close()

    return asyncio.run(fetch())
