"""Whatever starts first, all of it is ready in the end, and nothing is started twice."""

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import permutations
from pathlib import Path
from uuid import uuid4

import pytest

from tests.faults.postgres import FaultyPostgres, faulty_postgres
from tests.support.commands import run
from tests.support.services import Environment
from tests.support.serving import Served, clean_environment, free_port, serving, sql

pytestmark = [pytest.mark.slow, pytest.mark.system]

ORDERS = list(permutations(("database", "migrate", "old", "new")))
OF_THE_SMALL_SIZE = 5  # every fifth: each part comes first, and each comes last
NEXT = '''"""add colour"""

from alembic import op

revision = "aaaaaaaaaaaa"
down_revision = "14824c698526"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE item ADD COLUMN colour text")
'''


@pytest.fixture(scope="module")
def old(render: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(render(), tmp_path_factory.mktemp("old") / "service"))


@pytest.fixture(scope="module")
def new(old: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same service with another migration."""
    service = Path(shutil.copytree(old, tmp_path_factory.mktemp("new") / "service"))
    (service / "migrations/versions/2026-12-01_0900_aaaaaaaaaaaa_add_colour.py").write_text(NEXT)
    return service


@pytest.fixture(scope="module")
def postgres() -> Iterator[FaultyPostgres]:
    with faulty_postgres() as server:
        yield server


@contextmanager
def repeated(command: list[str], folder: Path, environment: dict[str, str]) -> Iterator[list[int]]:
    """The exit codes of a command that is repeated until it succeeds, as a Job repeats its pod."""
    codes: list[int] = []
    ended = threading.Event()

    def repeat() -> None:
        while not ended.is_set() and (not codes or codes[-1]):
            codes.append(run(*command, cwd=folder, **environment).returncode)

    thread = threading.Thread(target=repeat)
    thread.start()
    try:
        yield codes
    finally:
        ended.set()
        thread.join()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    full = metafunc.config.getoption("--full")
    if "order" in metafunc.fixturenames:
        chosen = ORDERS if full else ORDERS[::OF_THE_SMALL_SIZE]
        metafunc.parametrize("order", chosen, ids=" ".join)


def test_database_migration_and_pods_converge_in_every_order(
    order: tuple[str, ...],
    postgres: FaultyPostgres,
    old: Path,
    new: Path,
    environment: Environment,
    tmp_path: Path,
) -> None:
    database = f"test_{uuid4().hex}"
    postgres.restore()
    sql(postgres.url(), f"CREATE DATABASE {database}")
    postgres.stop()
    variables = clean_environment(POSTGRES_URL=postgres.url(database), ENVIRONMENT="production")
    python = str(environment.folder / "bin/python")
    services: dict[str, Served] = {}

    with ExitStack() as stack:
        for part in order:
            if part == "database":
                postgres.start()
            elif part == "migrate":
                command = [str(environment.folder / "bin/alembic"), "upgrade", "head"]
                codes = stack.enter_context(repeated(command, new, variables))
            else:
                port = free_port()
                command = [python, "-m", "uvicorn", "app.main:app", f"--port={port}"]
                folder = {"old": old, "new": new}[part]
                served = serving(command, folder, variables, port, tmp_path)
                services[part] = stack.enter_context(served)
                services[part].wait_until_it_answers("/health/live")

        for service in services.values():
            service.wait_until_it_answers("/health/ready")
        created = [
            service.request("POST", "/items", json={"name": name}).status_code
            for name, service in services.items()
        ]

    assert created == [201, 201]
    assert codes[-1] == 0
    assert sql(postgres.url(database), "SELECT * FROM alembic_version") == [("aaaaaaaaaaaa",)]
