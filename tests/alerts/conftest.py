"""Services with telemetry, on a Postgres that the tests may do anything to."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from tests.alerts.prometheus import Prometheus, exporting, prometheus
from tests.faults.conftest import (
    Serve,
    database,
    migrated_server,
    pooler,
    postgres,
    release,
    serve,
)
from tests.faults.production import Production, Service
from tests.support.serving import free_port

__all__ = ["database", "migrated_server", "pooler", "postgres", "release", "serve"]

Watch = Callable[..., AbstractAsyncContextManager[tuple[Prometheus, Service]]]
JOBS = "async def light(session): ...\n"


@pytest.fixture(scope="session")
def production(install: Callable[..., Path]) -> Production:
    """With telemetry, jobs, and one job."""
    folder = install("--no-dev", telemetry=True, jobs=True)
    (folder / "app/lamps").mkdir()
    (folder / "app/lamps/jobs.py").write_text(JOBS)
    return Production(folder)


@pytest.fixture(scope="session")
def guarded(install: Callable[..., Path]) -> Production:
    """With telemetry and auth, whose issuer needs no TLS where this is a test."""
    return Production(install("--no-dev", telemetry=True, auth="oidc"), where="test")


@pytest.fixture
def watch(serve: Serve, production: Production, tmp_path: Path) -> Watch:
    """`async with watch(postgres_pool_size=1) as (prometheus, service): ...`"""

    @asynccontextmanager
    async def watch(*pages: int, **settings: object) -> AsyncIterator[tuple[Prometheus, Service]]:
        page = free_port()
        service = serve(**exporting(page), **settings)
        async with prometheus(production.folder, tmp_path, [page, *pages]) as running:
            yield running, service

    return watch
