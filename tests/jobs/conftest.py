"""A service with jobs, and an environment with what it needs."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.postgres import FaultyPostgres, faulty_postgres
from tests.jobs.lamps import Lamps, new_lamps
from tests.support.services import Environment, environment_of


@pytest.fixture(scope="session")
def environment_of_jobs(install: Callable[..., Path]) -> Environment:
    return environment_of(install(jobs=True))


@pytest.fixture
def service_with_jobs(render: Callable[..., Path], tmp_path: Path) -> Path:
    """The test's own."""
    return Path(shutil.copytree(render(jobs=True), tmp_path / "my-service"))


@pytest.fixture(scope="module")
def server() -> Iterator[FaultyPostgres]:
    with faulty_postgres() as server:
        yield server


@pytest.fixture
def lamps(
    service_with_jobs: Path, environment_of_jobs: Environment, server: FaultyPostgres
) -> Lamps:
    return new_lamps(service_with_jobs, environment_of_jobs, server)
