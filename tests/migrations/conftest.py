"""A service and a database for each test, on a server that tests may configure."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.faults.postgres import FaultyPostgres, faulty_postgres
from tests.migrations.project import Project
from tests.support.services import Environment
from tests.support.serving import new_database

OLDEST = Path("/usr/lib/postgresql/15/bin")  # Debian's, which `make test-system` installs


@pytest.fixture(
    scope="session",
    params=[
        pytest.param(None, id="newest"),
        pytest.param(OLDEST, id="oldest", marks=pytest.mark.system),
    ],
)
def postgres(request: pytest.FixtureRequest) -> Iterator[FaultyPostgres]:
    """The newest Postgres that a service may run on, and the oldest one."""
    with ExitStack() as server:
        with pytest.MonkeyPatch.context() as patch:
            if request.param:
                patch.setenv("PG_BIN_DIR", str(request.param))
            running = server.enter_context(faulty_postgres())
        yield running


@pytest.fixture
def folder(render: Callable[..., Path], tmp_path: Path) -> Path:
    """A rendered service for one test."""
    return Path(shutil.copytree(render(), tmp_path / "my-service"))


@pytest.fixture
def project(
    postgres: FaultyPostgres, folder: Path, environment: Environment, tmp_path: Path
) -> Iterator[Project]:
    (logs := tmp_path / "logs").mkdir()
    project = Project(folder, environment, new_database(postgres.url()), logs)
    yield project
    project.stop()
