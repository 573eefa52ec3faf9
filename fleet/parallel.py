"""Runs one function over many services in parallel, with a progress bar."""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

from rich.console import Console
from rich.progress import Progress

from fleet.errors import FleetError
from fleet.service import Service, open_service
from fleet.template import Template, open_template

Result = TypeVar("Result")
WORTH_PROCESSES = 4  # starting one takes as long as reading a few services


@dataclass(frozen=True)
class Templates:
    """One clone per address that services record, until the block ends."""

    stack: ExitStack
    opened: dict[str, Template | FleetError] = field(default_factory=dict)

    def get(self, address: str) -> Template:
        """Raises FleetError, each time, if the address cannot be cloned."""
        if address not in self.opened:
            try:
                self.opened[address] = self.stack.enter_context(open_template(address))
            except FleetError as error:
                self.opened[address] = error
        found = self.opened[address]
        if isinstance(found, FleetError):
            raise found
        return found


@contextmanager
def open_templates() -> Iterator[Templates]:
    with ExitStack() as stack:
        yield Templates(stack)


def for_each(
    folders: Sequence[Path],
    work: Callable[[Service, Template], Result],
    refused: Callable[[Path, str], Result],
) -> list[Result]:
    """The results of `work` in the services' order, or of `refused` where it raised FleetError.

    `work` is pickled for other processes: a module's function, or a partial of one.
    """
    results: dict[Path, Result] = {}
    with open_templates() as templates, _pool(len(folders)) as pool, _progress() as progress:
        bar = progress.add_task("services", total=len(folders))
        waiting = {}
        for folder in folders:
            try:
                with open_service(folder) as service:
                    template = templates.get(service.address)
                waiting[pool.submit(_work, work, folder, template)] = folder
            except Exception as error:
                results[folder] = refused(folder, _sentence(folder, error))
                progress.advance(bar)
        for done in as_completed(waiting):
            folder = waiting[done]
            try:
                results[folder] = done.result()
            except Exception as error:
                results[folder] = refused(folder, _sentence(folder, error))
            progress.advance(bar)
    return [results[folder] for folder in folders]


def _sentence(folder: Path, error: Exception) -> str:
    if isinstance(error, FleetError):
        return str(error)
    return f"{folder} cannot be read: {type(error).__name__}: {error}."


def _work(work: Callable[[Service, Template], Result], folder: Path, template: Template) -> Result:
    with open_service(folder) as service:
        return work(service, template)


def _pool(services: int) -> Executor:
    """Processes: copier is CPU-bound. Spawned: a fork would lose the progress bar's thread."""
    if services < WORTH_PROCESSES:
        return ThreadPoolExecutor(1)
    return ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn"))


def _progress() -> Progress:
    """On standard error, and only on a terminal."""
    return Progress(
        console=Console(file=sys.stderr), transient=True, disable=not sys.stderr.isatty()
    )
