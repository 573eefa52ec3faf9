"""Runs one function over many services, each behind a fence.

Services come from strangers: the work on one may raise, hang, eat memory or crash the interpreter,
and must not stop the others. So it runs in processes of their own, with limits of time and memory.
A process that breaks one is killed with all that it started, and another takes its place.
"""

import os
import signal
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, Generic, TypeVar

from rich.console import Console
from rich.progress import Progress

from fleet import git
from fleet.addresses import Allowed
from fleet.errors import FleetError
from fleet.limited import SECONDS, limit_memory, sentences, too_long
from fleet.service import Service, open_service
from fleet.template import Template, shared_template
from fleet.temporary import remove, run_folder

Result = TypeVar("Result")
CONTEXT = get_context("forkserver")


@dataclass(frozen=True)
class Limits:
    seconds: float = SECONDS
    """How long the work on one service may take."""
    allowed: Allowed = field(default_factory=Allowed)
    """Templates that may be cloned."""


Work = Callable[[Service, Template], Result]
Finished = tuple[Path, Any, FleetError | None]
"""The folder, the result, and why there is none."""


def for_each(
    folders: Sequence[Path],
    work: Work[Result],
    refused: Callable[[Path, FleetError], Result],
    limits: Limits = Limits(),
) -> list[Result]:
    """The results of `work` in the services' order, or of `refused` where there is none.

    `work` is pickled for other processes: a module's function, or a partial of one.
    """
    results: dict[Path, Result] = {}
    waiting = deque(folders)
    with run_folder() as place, _progress() as progress:
        bar = progress.add_task("services", total=len(folders))
        count = min(os.cpu_count() or 1, len(folders))
        workers = [_Worker(place / str(number), work, limits) for number in range(count)]
        try:
            while waiting or any(worker.folder for worker in workers):
                for worker in workers:
                    if waiting and not worker.folder:
                        worker.begin(waiting.popleft())
                for folder, result, error in _finished(workers):
                    results[folder] = refused(folder, error) if error else result
                    progress.advance(bar)
        finally:
            for worker in workers:
                worker.end()
    return [results[folder] for folder in folders]


class _Worker(Generic[Result]):
    """A process that works on one service after the other, and is started anew when it dies."""

    def __init__(self, place: Path, work: Work[Result], limits: Limits) -> None:
        self._place, self._work, self._limits = place, work, limits
        self._process: Any = None
        self.folder: Path | None = None
        self.deadline = 0.0
        self.connection: Connection

    def begin(self, folder: Path) -> None:
        if not self._process:
            self._start()
        self.folder, self.deadline = folder, time.monotonic() + self._limits.seconds
        self.connection.send(folder)

    def finish(self) -> Finished:
        assert self.folder
        folder, self.folder = self.folder, None
        try:
            result, error = self.connection.recv()
        except (EOFError, ConnectionError):
            self.end()
            return folder, None, FleetError(f"The work on {folder} crashed.")
        return folder, result, error

    def give_up(self) -> Finished:
        assert self.folder
        folder, self.folder = self.folder, None
        self.end()
        return folder, None, too_long(folder, self._limits.seconds)

    def end(self) -> None:
        """Kill the process and all that it started, and remove what they left."""
        if self._process:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.kill()  # where it has no group of its own yet
            self._process.join()
            self._process.close()
            self.connection.close()
            self._alive.close()
            self._process = None
        remove(self._place)

    def _start(self) -> None:
        self._place.mkdir()
        self.connection, theirs = CONTEXT.Pipe()
        watched, self._alive = CONTEXT.Pipe(duplex=False)
        arguments = (
            theirs,
            watched,
            self._place,
            self._work,
            self._limits,
            dict(os.environ),
            Path.cwd(),
        )
        CONTEXT.set_forkserver_preload([__name__, "fleet.copier_run"])
        process = CONTEXT.Process(target=_serve, args=arguments)
        process.start()
        self._process = process
        theirs.close()
        watched.close()


def _finished(workers: Sequence[_Worker[Any]]) -> Iterator[Finished]:
    """Waits until a worker has a result, died or took too long."""
    busy = {worker.connection: worker for worker in workers if worker.folder}
    left = min(worker.deadline for worker in busy.values()) - time.monotonic()
    ready = wait(list(busy), max(0.0, left))
    for connection in ready:
        yield busy[connection].finish()  # type: ignore[index]
    for worker in busy.values():
        if worker.folder and time.monotonic() >= worker.deadline:
            yield worker.give_up()


def _serve(
    connection: Connection,
    watched: Connection,
    place: Path,
    work: Work[Any],
    limits: Limits,
    environment: Mapping[str, str],
    folder: Path,
) -> None:
    """The process's own side. Its group ends with the run, however that ends."""
    os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(watched,), daemon=True).start()
    limit_memory()
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    tempfile.tempdir = str(place)
    git.variables.cache_clear()
    while True:
        try:
            service = connection.recv()
        except EOFError:
            return
        connection.send(_attempt(service, work, limits, place.parent))


def _end_with(watched: Connection) -> None:
    """Nobody sends anything: the pipe closes when the run ends."""
    with suppress(EOFError, OSError):
        watched.recv()
    os.killpg(0, signal.SIGKILL)


def _attempt(
    folder: Path, work: Work[Any], limits: Limits, shared: Path
) -> tuple[Any, FleetError | None]:
    try:
        with sentences(folder), open_service(folder) as service:
            limits.allowed.require(service.address)
            is_named = limits.allowed.names(service.address)
            template = shared_template(shared, service.address, is_named=is_named)
            return work(service, template), None
    except FleetError as error:
        return None, error


@contextmanager
def _progress() -> Iterator[Progress]:
    """On standard error, and only on a terminal."""
    console = Console(file=sys.stderr)
    with Progress(console=console, transient=True, disable=not sys.stderr.isatty()) as progress:
        yield progress
