"""The state of the database, as metrics tell it."""

from typing import cast

import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.pool import QueuePool

from app.core.config import Settings
from app.core.database import Database, ReadSessionDep, SessionDep
from app.core.replica import Replica
from app.core.telemetry import database
from tests.capabilities.telemetry import Receiver, Watched

NAME = "db.client.connection.pool.name"


@pytest.mark.parametrize(
    ("url", "told"),
    [
        (
            "postgresql://lamp:secret@db.example.org:5433/lamps",
            {
                "db.namespace": "lamps|public",
                "server.address": "db.example.org",
                "server.port": 5433,
            },
        ),
        (
            "postgresql://[::1]/lamps?sslmode=require",
            {"db.namespace": "lamps|public", "server.address": "::1", "server.port": 5432},
        ),
        ("postgresql://a,b:5433/lamps", {"db.namespace": "lamps|public"}),
        ("postgresql:///lamps?host=/tmp", {"db.namespace": "lamps|public"}),
    ],
)
def test_the_address_is_told_and_the_credentials_are_not(
    url: str, told: dict[str, str | int], settings: Settings
) -> None:
    assert database.address(SecretStr(url), settings) == told


async def test_the_state_of_every_pool_is_told(
    watched: Watched, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "10")
    told: dict[tuple[str, str], int] = {}
    found: dict[tuple[str, str], int] = {}

    def prepare(app: FastAPI) -> None:
        @app.get("/pools")
        async def use_pools(session: SessionDep, reading: ReadSessionDep) -> None:
            await session.execute(text("SELECT 1"))
            await reading.execute(text("SELECT 1"))
            for name, pool in pools_of(app.state.database).items():
                found.update({(name, "used"): pool.checkedout(), (name, "idle"): pool.checkedin()})
            await receiver.exports()
            for attributes, point in receiver.points["db.client.connection.count"]:
                told[attributes[NAME], attributes["db.client.connection.state"]] = point.as_int

    async with watched(prepare) as client:
        await client.get("/pools")

    assert told == found
    assert (found["write", "used"], found["read", "idle"]) == (1, 1)
    most = {told[NAME]: point.as_int for told, point in receiver.points["db.client.connection.max"]}
    assert most == {"write": 10, "read": 10, "probe": 1}


def pools_of(service: Database) -> dict[str, QueuePool]:
    engines = {
        "write": service.engine,
        "read": service.async_read_session_factory.kw["bind"],
        "probe": service.probe_engine,
    }
    return {name: cast("QueuePool", engine.pool) for name, engine in engines.items()}


async def test_what_is_read_on_a_replica_is_told_too(
    watched: Watched, receiver: Receiver, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Replica, "judge", lambda *_: None)  # the primary shall do as one

    def prepare(app: FastAPI) -> None:
        @app.get("/names")
        async def list_names(reading: ReadSessionDep) -> None:
            await reading.scalars(text("SELECT 1 FROM alembic_version"))

    async with watched(prepare, {"postgres_replica_url": settings.postgres_url}) as client:
        await client.get("/names")

    assert [span.name for span in receiver.spans if "connect" not in span.name] == [
        "GET /names",
        "SELECT",
    ]
    told = {a[NAME] for a, _ in receiver.points["db.client.connection.count"]}
    assert told == {"write", "read", "probe", "replica"}


@pytest.mark.parametrize(
    ("change", "behind"),
    [
        ("SELECT 1", 0.0),
        ("UPDATE alembic_version SET version_num = 'newer'", 0.0),
        ("DELETE FROM alembic_version", 1.0),
    ],
)
async def test_a_schema_that_is_behind_the_code_is_told(
    change: str,
    behind: float,
    watched: Watched,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(database, "SECONDS_BETWEEN_LOOKS", 0.01)
    monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "20")

    def prepare(app: FastAPI) -> None:
        @app.post("/change")
        async def change_revision(session: SessionDep) -> None:
            await session.execute(text(change))

    async with watched(prepare) as client:
        await client.post("/change")
        await receiver.exports(10)

    [(_, point)] = receiver.points["app.migration.behind"]
    assert point.as_double == behind
