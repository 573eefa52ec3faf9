"""A service in production, on a Postgres that the tests may do anything to."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import pytest

from tests.faults.poolers import NEW, OLD, ROLE, Pooler, Release, pooled
from tests.faults.postgres import FaultyPostgres, faulty_postgres
from tests.faults.production import Production, Service
from tests.support.serving import sql, until

Serve = Callable[..., Service]

# Runs a campaign again through a pooler that has fewer connections than the service.
through_poolers = pytest.mark.parametrize(
    "release",
    [
        pytest.param(None, id="direct"),
        pytest.param(OLD, id=str(OLD), marks=pytest.mark.system),
        pytest.param(NEW, id=str(NEW), marks=pytest.mark.system),
    ],
    indirect=True,
)


@pytest.fixture(scope="session")
def production(install: Callable[..., Path]) -> Production:
    """A rendered service with its runtime dependencies, and the command that serves it."""
    return Production(install("--no-dev"))


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


@pytest.fixture(scope="session")
def migrated_data(production: Production, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a server with the migrated database `service` left when it ended."""
    with faulty_postgres() as server:
        sql(server.url(), "CREATE DATABASE service")
        production.run("alembic", "upgrade", "head", POSTGRES_URL=server.url("service"))
        server.stop()
        place = tmp_path_factory.mktemp("migrated") / "data"
        return Path(shutil.copytree(server.folder / "data", place))


@pytest.fixture
def primary(migrated_data: Path) -> Iterator[FaultyPostgres]:
    """A server of the test's own, with the migrated database `service`, that may fail over."""
    with faulty_postgres(data=migrated_data) as server:
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
def release(request: pytest.FixtureRequest) -> Release | None:
    """The pooler between service and Postgres, if there is one."""
    return getattr(request, "param", None)


@pytest.fixture
def pooler(
    release: Release | None, production: Production, postgres: FaultyPostgres, database: str
) -> Iterator[Pooler | None]:
    if release is None:
        yield None
    else:
        if not sql(postgres.url(), f"SELECT FROM pg_roles WHERE rolname = '{ROLE}'"):
            sql(postgres.url(), f"CREATE ROLE {ROLE} LOGIN SUPERUSER")
        with pooled(release, postgres, database) as running:
            set_limits(production, running)
            yield running


@pytest.fixture
def serve(
    production: Production,
    postgres: FaultyPostgres,
    database: str,
    pooler: Pooler | None,
    tmp_path: Path,
) -> Iterator[Serve]:
    """`serve(postgres_pool_size=5)` is a service with these settings, in a process of its own."""
    with ExitStack() as services:

        def serve(
            url: str | None = None, *, app: str = "more_routes:app", **settings: object
        ) -> Service:
            url = direct = url or postgres.url(database)
            if pooler:
                url, direct = pooler.url, postgres.url(database)
                if any(name.startswith("postgres_") for name in settings):
                    set_limits(production, pooler, **settings)
                settings = pooler.release.settings | settings
            running = production.serve(url, tmp_path, settings, app=app, database_url=direct)
            return services.enter_context(running)

        yield serve


def set_limits(production: Production, pooler: Pooler, **settings: object) -> None:
    """What `make pooler-sql` prints, for the connections to Postgres that are opened from now."""
    given = {name.upper(): str(value) for name, value in settings.items()}
    printed = production.run("dev.pooler_sql", POSTGRES_URL=pooler.url, **given)
    for statement in printed.splitlines()[1:]:
        sql(pooler.postgres.url(), statement)
