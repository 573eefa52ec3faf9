"""Runs a contender as in production, and reads its process's CPU and memory from the kernel."""

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2

from benchmarks.plan import Contender, item_path
from tests.support.serving import clean_environment, free_port, stop_group

HERE = Path(__file__).parent
WITH_TELEMETRY = "with-telemetry"  # a service beside the others
TICKS = os.sysconf("SC_CLK_TCK")
# The flags of `make serve`.
FLAGS = "--proxy-headers --no-server-header --timeout-keep-alive 75 --timeout-graceful-shutdown 30"
FIRST, SECOND = 0, 1  # cores


def pin(*cores: int, pid: int = 0) -> None:
    """Keep a process, and those that it starts, on these cores. Works on Linux only."""
    if hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > SECOND:
        os.sched_setaffinity(pid, cores)


@dataclass(frozen=True)
class Server:
    """A running contender."""

    contender: Contender
    pid: int
    port: int
    seconds_to_ready: float

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def processes(self) -> list[int]:
        """The serving processes: the workers without their parent, or the only process."""
        children = _read(self.pid, f"task/{self.pid}/children").split()
        workers = [int(pid) for pid in children if "spawn_main" in _read(int(pid), "cmdline")]
        return workers or [self.pid]

    def cpu_seconds(self) -> float:
        """The CPU time that its processes have used."""
        stats = [_read(pid, "stat").rpartition(")")[2].split() for pid in self.processes()]
        return sum(int(user) + int(system) for *_, user, system in (s[:13] for s in stats)) / TICKS

    def megabytes(self) -> float:
        """The mean resident set size of its processes."""
        pids = self.processes()
        pages = [int(_read(pid, "statm").split()[1]) for pid in pids]
        return sum(pages) / len(pages) * os.sysconf("SC_PAGE_SIZE") / 1e6


@contextlib.contextmanager
def serve(
    contender: Contender, service: Path, postgres_url: str, *, processes: int = 1
) -> Iterator[Server]:
    """Start a contender by the production command, on its own core if it is one process."""
    service = service.with_name(WITH_TELEMETRY) if contender.telemetry else service
    settings = environment(contender, service, postgres_url)
    with run(contender, service, settings, item_path(1), processes=processes) as server:
        yield server


@contextlib.contextmanager
def run(
    contender: Contender,
    folder: Path,
    settings: dict[str, str],
    path: str,
    *flags: str,
    processes: int = 1,
) -> Iterator[Server]:
    """Start an application of a folder, which is ready when it answers this path with a 2xx."""
    port = free_port()
    command = [python(folder), "-m", "uvicorn", contender.app, "--port", str(port), *FLAGS.split()]
    process = subprocess.Popen(
        [*command, *flags, "--workers", str(processes)],
        cwd=folder,
        env=settings,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    pin(*((FIRST,) if processes == 1 else (FIRST, SECOND)), pid=process.pid)
    try:
        seconds = _wait(f"http://127.0.0.1:{port}", path)
        yield Server(contender, process.pid, port, seconds)
    finally:
        stop_group(process)


def environment(contender: Contender, service: Path, postgres_url: str) -> dict[str, str]:
    path = os.pathsep.join([str(service), str(HERE)])
    settings = {"POSTGRES_URL": postgres_url, "ENVIRONMENT": "production", **contender.settings}
    return clean_environment(PYTHONPATH=path, SHUTDOWN_DRAIN_SECONDS="0", **settings)


def python(service: Path) -> str:
    return str(service / ".venv/bin/python")


def import_seconds(contender: Contender, service: Path, postgres_url: str) -> float:
    """How many seconds a new process takes to import the application."""
    code = f"import time; t = time.perf_counter(); import {contender.app.partition(':')[0]}; "
    result = subprocess.run(
        [python(service), "-c", code + "print(time.perf_counter() - t)"],
        cwd=service,
        env=environment(contender, service, postgres_url),
        check=True,
        capture_output=True,
        text=True,
    )
    return float(result.stdout)


def _wait(url: str, path: str) -> float:
    """The seconds until the server answers this path with a 2xx."""
    started = time.perf_counter()
    with httpx2.Client(base_url=url, trust_env=False) as client:
        while time.perf_counter() < started + 60:
            with contextlib.suppress(httpx2.TransportError):
                client.get(path).raise_for_status()
                return time.perf_counter() - started
            time.sleep(0.005)
    raise TimeoutError(f"{url} does not answer.")


def _read(pid: int, name: str) -> str:
    return Path(f"/proc/{pid}/{name}").read_text()
