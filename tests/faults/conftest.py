"""A service in production, on a Postgres that the tests may do anything to."""

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import pytest

from tests.faults.postgres import FaultyPostgres, faulty_postgres
from tests.faults.production import Production, Service
from tests.support.services import render
from tests.support.serving import clean_environment, sql, until

Serve = Callable[..., Service]


@pytest.fixture(scope="session")
def production(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Production:
    """A rendered service with its runtime dependencies, and the command that serves it."""
    folder = render(template, tmp_path_factory.mktemp("production") / "my-service")
    sync = [os.environ.get("UV", "uv"), "sync", "--quiet", "--no-dev"]
    subprocess.run(sync, cwd=folder, check=True, env=clean_environment())
    return Production(folder)


@pytest.fixture(scope="session")
def migrated_server(production: Production) -> Iterator[FaultyPostgres]:
    """With a database `service` that has the service's tables."""
    with faulty_postgres() as server:
        sql(server.url(), "CREATE DATABASE service")
        production.run("alembic", "upgrade", "head", POSTGRES_URL=server.url("service"))
        yield server


@pytest.fixture
def postgres(migrated_server: FaultyPostgres) -> FaultyPostgres:
    """The server, running as usual."""
    migrated_server.restore()
    return migrated_server


@pytest.fixture
def database(postgres: FaultyPostgres) -> str:
    """The name of a migrated database, the test's own."""
    name = f"test_{uuid4().hex}"
    sql(postgres.url(), f"CREATE DATABASE {name} TEMPLATE service")
    return name


@pytest.fixture
def primary(production: Production) -> Iterator[FaultyPostgres]:
    """A server of the test's own, with the migrated database `service`, that may fail over."""
    with faulty_postgres() as server:
        sql(server.url(), "CREATE DATABASE service")
        production.run("alembic", "upgrade", "head", POSTGRES_URL=server.url("service"))
        yield server


@pytest.fixture
def standby(primary: FaultyPostgres) -> Iterator[FaultyPostgres]:
    """Follows the primary."""
    with faulty_postgres(primary) as server:
        yield server


@pytest.fixture
def synchronous_standby(primary: FaultyPostgres, standby: FaultyPostgres) -> FaultyPostgres:
    """The primary acknowledges no commit before this standby has it on its disk."""
    sql(primary.url(), "ALTER SYSTEM SET synchronous_standby_names = '*'")
    sql(primary.url(), "SELECT pg_reload_conf()")
    state = "SELECT sync_state FROM pg_stat_replication"
    until(lambda: sql(primary.url(), state) == [("sync",)], "the standby is synchronous")
    return standby


@pytest.fixture
def serve(
    production: Production, postgres: FaultyPostgres, database: str, tmp_path: Path
) -> Iterator[Serve]:
    """`serve(postgres_pool_size=5)` is a service with these settings, in a process of its own."""
    with ExitStack() as services:

        def serve(
            url: str | None = None, *, app: str = "more_routes:app", **settings: object
        ) -> Service:
            url = url or postgres.url(database)
            running = production.serve(url, tmp_path, settings, app=app)
            return services.enter_context(running)

        yield serve
