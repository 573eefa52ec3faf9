"""Each alert is fired by its fault, at a real Prometheus that scrapes a real service.

Windows and `for` of the rules are shortened by one factor: an hour takes a minute.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
import trustme

from tests.alerts.conftest import Watch
from tests.alerts.names import check_names
from tests.alerts.prometheus import Prometheus, exporting, prometheus
from tests.faults.client import ask
from tests.faults.issuers import Issuer, issuing
from tests.faults.postgres import FaultyPostgres
from tests.faults.production import Production, Service
from tests.faults.test_tls import PASSWORD, tls_server
from tests.support.serving import free_port, serving, sql

pytestmark = [pytest.mark.slow, pytest.mark.system]

CERTIFICATE = "app_postgres_certificate_expiry_seconds"
QUEUE = "INSERT INTO jobs.pgqueuer (priority, status, entrypoint, payload, execute_after) VALUES"
AUDIENCE = "https://api.example"


async def usual_traffic(prometheus: Prometheus, service: Service) -> None:
    """Reads and writes, until Prometheus has seen them; nothing fires."""
    for number in range(20):
        await ask(service.port, "POST", "/items", {"name": f"lamp {number}"})
        await ask(service.port, "GET", "/items?limit=5")
    await ask(service.port, "POST", "/items", {"name": "lamp 1"})  # a 409
    await prometheus.until_seen("http_server_request_duration_seconds_count")
    assert await prometheus.firing() == set()


@asynccontextmanager
async def traffic(
    port: int, method: str, path: str, clients: int = 4, more: str = ""
) -> AsyncIterator[None]:
    """The same request again and again, by several clients. `more` are headers."""
    stopped = asyncio.Event()

    async def repeat() -> None:
        while not stopped.is_set():
            await ask(port, method, path, more=more)
            await asyncio.sleep(0.05)

    async with asyncio.TaskGroup() as group:
        for _ in range(clients):
            group.create_task(repeat())
        try:
            yield
        finally:
            stopped.set()


def test_a_database_that_is_away_burns_the_availability(
    watch: Watch, postgres: FaultyPostgres, production: Production
) -> None:
    async def campaign() -> None:
        async with watch() as (prometheus, service):
            await usual_traffic(prometheus, service)
            postgres.stop()
            async with traffic(service.port, "GET", "/items"):
                await prometheus.until_firing(
                    "AvailabilityBurnsFast", "AvailabilityBurnsSlowly", "DatabaseFails"
                )
            assert not {"PoolExhausted", "MigrationBehind"} & await prometheus.firing()
            ops = production.folder / "ops"
            files = ops / "prometheus/rules.yaml", ops / "grafana/dashboard.json"
            await check_names(prometheus, *files, without=CERTIFICATE)  # which only TLS has

    asyncio.run(campaign())


def test_slow_answers_burn_the_latency(watch: Watch) -> None:
    async def campaign() -> None:
        async with watch() as (prometheus, service):
            await usual_traffic(prometheus, service)
            async with traffic(service.port, "GET", "/faults/sleep?seconds=0.6"):
                await prometheus.until_firing("LatencyBurnsFast", "LatencyBurnsSlowly")
            assert not {"AvailabilityBurnsFast", "DatabaseFails"} & await prometheus.firing()

    asyncio.run(campaign())


def test_a_pool_that_is_too_small_is_told(watch: Watch) -> None:
    async def campaign() -> None:
        limits = {"postgres_pool_size": 1, "postgres_pool_timeout_seconds": 0.1}
        async with watch(**limits) as (prometheus, service):
            await usual_traffic(prometheus, service)
            async with traffic(service.port, "GET", "/faults/sleep?seconds=0.3"):
                await prometheus.until_firing("PoolExhausted")

    asyncio.run(campaign())


def test_a_schema_that_waits_for_its_migration_is_told(watch: Watch) -> None:
    async def campaign() -> None:
        async with watch() as (prometheus, service):
            await service.execute("DELETE FROM alembic_version")
            await prometheus.until_firing("MigrationBehind")

    asyncio.run(campaign())


def test_a_certificate_that_expires_within_two_weeks_is_told(
    watch: Watch, production: Production, tmp_path: Path
) -> None:
    authority, until = trustme.CA(), datetime.now(UTC) + timedelta(days=13)
    issued = authority.issue_cert("localhost", not_after=until)
    certificates = {name: tmp_path / name for name in ("ca", "server", "server_key")}
    authority.cert_pem.write_to_path(certificates["ca"])
    issued.cert_chain_pems[0].write_to_path(certificates["server"])
    issued.private_key_pem.write_to_path(certificates["server_key"])
    for file in certificates.values():
        file.chmod(0o600)

    async def campaign(port: int) -> None:
        user = f"lamps:{quote(PASSWORD, safe='')}@localhost:{port}"
        verified = f"sslmode=verify-full&sslrootcert={certificates['ca']}"
        async with watch(url=f"postgresql://{user}/postgres?{verified}") as (prometheus, service):
            await usual_traffic(prometheus, service)
            await prometheus.until_firing("CertificateExpires")
            assert {"job"} <= await prometheus.labels(CERTIFICATE)

    with tls_server(production, certificates, "server") as server:
        asyncio.run(campaign(server.port))


def test_jobs_that_no_worker_runs_are_told_and_so_are_those_that_are_held(
    watch: Watch, production: Production, postgres: FaultyPostgres, database: str, tmp_path: Path
) -> None:
    page, url = free_port(), postgres.url(database)
    command = [str(production.folder / ".venv/bin/python"), "-m", "app.worker"]
    settings = {name.upper(): str(value) for name, value in exporting(page).items()}
    environment = production.environment(POSTGRES_URL=url, **settings)

    async def campaign() -> None:
        async with watch(page) as (prometheus, service):
            with serving(command, production.folder, environment, page, tmp_path) as worker:
                worker.wait_until_it_answers("/metrics")
                await service.execute(f"{QUEUE} (0, 'queued', 'lamps.light', '{{}}', now())")
                await prometheus.until_seen("jobs_duration_seconds_bucket")
                await prometheus.until_seen("db_client_connection_count")
            await service.execute(
                f"{QUEUE} (0, 'queued', 'lamps.light', '{{}}', now() - interval '1 h'),"
                " (0, 'failed', 'lamps.light', '{}', now())"
            )
            await prometheus.until_firing("JobsWait", "JobsHeld")
            ops = production.folder / "ops"
            files = ops / "prometheus/jobs_rules.yaml", ops / "grafana/jobs.json"
            await check_names(prometheus, *files)

    asyncio.run(campaign())


@pytest.fixture
def issuer(tmp_path: Path) -> Iterator[Issuer]:
    with issuing(tmp_path) as issuer:
        yield issuer


def test_keys_of_an_issuer_that_is_away_are_told(
    guarded: Production, postgres: FaultyPostgres, issuer: Issuer, tmp_path: Path
) -> None:
    sql(postgres.url(), "CREATE DATABASE guarded")
    url, page = postgres.url("guarded"), free_port()
    guarded.run("alembic", "upgrade", "head", POSTGRES_URL=url)
    settings = exporting(page) | {
        "oidc_issuer": issuer.url,
        "oidc_audience": AUDIENCE,
        "oidc_keys_seconds": 10,
        "oidc_stale_keys_seconds": 3600,
    }
    token = f"\r\nAuthorization: Bearer {issuer.token('signed')}"

    async def campaign(service: Service) -> None:
        async with (
            prometheus(guarded.folder, tmp_path, [page]) as running,
            traffic(service.port, "GET", "/items", clients=1, more=token),
        ):
            await running.until_seen("http_server_request_duration_seconds_count")
            assert (await running.firing(), await running.labels("auth_keys_expiry_seconds")) == (
                set(),
                set(),
            )
            issuer.running.close()
            await running.until_firing("KeysExpire")
            await check_names(running, guarded.folder / "ops/prometheus/auth_rules.yaml")

    with guarded.serve(url, tmp_path, settings, app="app.main:app") as service:
        asyncio.run(campaign(service))
