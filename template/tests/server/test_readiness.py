import asyncio

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient
from sqlalchemy import event, text
from structlog.testing import capture_logs

from app.core.config import Settings
from app.core.database import Database, open_database
from app.core.postgres.revisions import Revisions
from app.server import readiness
from app.server.readiness import Readiness


@pytest.fixture
def migrations(monkeypatch: pytest.MonkeyPatch) -> None:
    """A code with two migrations, whatever the service's own are."""
    revisions = Revisions(head="two", known=frozenset({"one", "two"}))
    monkeypatch.setattr(readiness, "code_revisions", lambda: revisions)


@pytest.mark.parametrize(
    ("statement", "status", "detail"),
    [
        ("UPDATE alembic_version SET version_num = 'two'", 200, None),
        ("UPDATE alembic_version SET version_num = 'newer'", 200, None),
        (
            "UPDATE alembic_version SET version_num = 'one'",
            503,
            "The schema is at one, the code wants two.",
        ),
        ("DROP TABLE alembic_version", 503, "The schema is at no revision, the code wants two."),
    ],
)
async def test_a_service_is_ready_unless_its_schema_is_behind(
    committing_app: FastAPI,
    committing_client: AsyncClient,
    migrations: None,
    statement: str,
    status: int,
    detail: str | None,
) -> None:
    async with committing_app.state.database.session() as session:
        await session.execute(text("CREATE TABLE IF NOT EXISTS alembic_version (version_num text)"))
        await session.execute(text("DELETE FROM alembic_version"))
        await session.execute(text("INSERT INTO alembic_version VALUES ('none')"))
        await session.execute(text(statement))

    response = await committing_client.get("/health/ready")

    assert (response.status_code, response.json().get("detail")) == (status, detail)


async def test_a_service_without_migrations_is_ready(
    client: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "code_revisions", lambda: Revisions(None, frozenset()))

    assert (await client.get("/health/ready")).status_code == 200


async def test_probes_at_once_share_one_query(
    client: AsyncClient, shared_database: Database
) -> None:
    await client.get("/health/ready")
    statements: list[object] = []
    event.listen(
        shared_database.probe_engine.sync_engine,
        "before_cursor_execute",
        lambda *_: statements.append(_),
    )

    responses = await asyncio.gather(*(client.get("/health/ready") for _ in range(5)))

    assert [response.status_code for response in responses] == [200] * 5
    assert len(statements) == 1


async def test_readiness_waits_for_its_bound_and_no_longer(
    client: AsyncClient, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never_answer(_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(readiness, "database_revision", never_answer)
    app.state.readiness.timeout_seconds = 0.01

    with capture_logs() as lines:
        async with asyncio.timeout(5):
            assert (await client.get("/health/ready")).status_code == 503
            await asyncio.wait([app.state.readiness.running])

    assert [line["event"] for line in lines if line["log_level"] == "warning"] == [
        "The database does not answer."
    ]


async def test_readiness_does_not_wait_for_a_connection_that_is_slow_to_give_up(
    client: AsyncClient, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    given_up = asyncio.Event()

    async def give_up_slowly(_: object) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await given_up.wait()

    monkeypatch.setattr(readiness, "database_revision", give_up_slowly)
    app.state.readiness.timeout_seconds = 0.01

    async with asyncio.timeout(5):
        response = await client.get("/health/ready")
    given_up.set()
    await asyncio.wait([app.state.readiness.running])

    assert response.status_code == 503


async def test_a_probe_that_hangs_up_leaves_the_others_their_answer(
    app: FastAPI, shared_database: Database
) -> None:
    check = app.state.readiness.check
    first, second = (asyncio.create_task(check(shared_database)) for _ in range(2))
    await asyncio.sleep(0)  # both wait for the one query

    first.cancel()

    assert await second is None


@pytest.mark.parametrize("required", [False, True])
async def test_a_service_without_its_replica_is_unready_only_if_it_requires_it(
    settings: Settings, required: bool
) -> None:
    nobody = "postgresql://127.0.0.1:1/none"
    url = settings.postgres_url.get_secret_value()
    here = Settings(
        postgres_url=url, postgres_replica_url=nobody, postgres_replica_required=required
    )

    async with open_database(here) as database:
        problem = await Readiness(timeout_seconds=0.9).check(database)

    assert problem == ("The replica is not used. It does not answer." if required else None)
