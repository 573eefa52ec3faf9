"""What telemetry watches of a database: its statements, its pools, its schema, its certificate."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

from opentelemetry.metrics import CallbackOptions, Observation
from pydantic import SecretStr
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from app.core.config import Settings
from app.core.database import Database
from app.core.postgres.revisions import NotReadyError, code_revisions, database_revision
from app.core.telemetry.pipeline import Telemetry
from app.core.telemetry.pools import PoolTelemetry
from app.core.telemetry.statements import StatementTelemetry

SECONDS_BETWEEN_LOOKS = 30


@asynccontextmanager
async def watching(
    telemetry: Telemetry, database: Database, settings: Settings
) -> AsyncIterator[None]:
    """Watch every engine of the database while the service runs."""
    if not (telemetry.traces or telemetry.metrics):
        yield
        return
    statements = StatementTelemetry(telemetry.tracer_provider, telemetry.meter_provider)
    pools = PoolTelemetry(telemetry.tracer_provider, telemetry.meter_provider)
    for name, engine in engines(database).items():
        url = settings.postgres_replica_url if name == "replica" else None
        statements.watch(engine, address(url or settings.postgres_url, settings))
        pools.watch(name, engine)
    async with _looking(telemetry, database):
        yield


def engines(database: Database) -> dict[str, Engine]:
    """Those that requests and probes use."""
    found: dict[str, Engine] = {
        "write": database.engine.sync_engine,
        "read": database.async_read_session_factory.kw["bind"].sync_engine,
        "probe": database.probe_engine.sync_engine,
    }
    return found | ({"replica": database.replica.engine} if database.replica else {})


def address(url: SecretStr, settings: Settings) -> dict[str, str | int]:
    """Where a normalized URL leads, without user and password."""
    parts = urlsplit(url.get_secret_value())
    told: dict[str, str | int] = {"db.namespace": f"{parts.path[1:]}|{settings.postgres_schema}"}
    hosts = parts.netloc.rpartition("@")[2]
    if hosts and "," not in hosts:  # of several, nobody knows yet which one answers
        told |= {"server.address": parts.hostname or "", "server.port": parts.port or 5432}
    return told


@asynccontextmanager
async def _looking(telemetry: Telemetry, database: Database) -> AsyncIterator[None]:
    seen: dict[str, float] = {}
    meter = telemetry.meter_provider.get_meter("app")

    def observe(name: str) -> Any:
        def observed(_: CallbackOptions) -> Iterable[Observation]:
            return [Observation(seen[name])] if name in seen else []

        return [observed]

    meter.create_observable_gauge(
        "app.migration.behind",
        observe("behind"),
        description="1 if the database's revision is older than the code's, otherwise 0.",
    )
    meter.create_observable_gauge(
        "app.postgres.certificate.expiry",
        observe("expiry"),
        "s",
        "When the server's certificate expires, in seconds since 1970; if the URL verifies it.",
    )
    looking = asyncio.create_task(_look(database.probe_engine, seen)) if telemetry.metrics else None
    try:
        yield
    finally:
        if looking is not None:
            looking.cancel()
            with suppress(asyncio.CancelledError):
                await looking


async def _look(engine: AsyncEngine, seen: dict[str, float]) -> None:
    """For ever. What cannot be seen, such as a database that is away, stays as it was."""
    while True:
        with suppress(SQLAlchemyError, NotReadyError, TimeoutError):
            code, revision = code_revisions(), await database_revision(engine)
            seen["behind"] = float(
                code.head not in (None, revision) and (revision is None or revision in code.known)
            )
            if expiry := await _certificate_expiry(engine):
                seen["expiry"] = expiry
        await asyncio.sleep(SECONDS_BETWEEN_LOOKS)


async def _certificate_expiry(engine: AsyncEngine) -> float | None:
    async with engine.connect() as connection:
        raw = await connection.get_raw_connection()
        driver: Any = raw.driver_connection
        # asyncpg has no public name for its transport.
        channel = driver._transport.get_extra_info("ssl_object")
        certificate = channel.getpeercert() if channel else None  # {} if nobody verified it
        return ssl.cert_time_to_seconds(certificate["notAfter"]) if certificate else None
