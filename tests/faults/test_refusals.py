"""A Postgres that answers, and does not let the service in, or refuses what it had prepared."""

import asyncio
from collections.abc import Iterator
from uuid import uuid4

import pytest

from tests.faults.address import Address
from tests.faults.client import Answer, ask
from tests.faults.conftest import Serve, through_poolers
from tests.faults.poolers import Release
from tests.faults.postgres import FaultyPostgres
from tests.faults.production import Service
from tests.support.figures import figure
from tests.support.serving import sql

pytestmark = pytest.mark.slow

NO_ANSWER = "The database does not answer."
# SQLSTATE, what makes Postgres refuse each new connection with it, and what ends that.
REFUSALS = {
    "a role that may not log in": ("28000", "ALTER ROLE {role} NOLOGIN", "ALTER ROLE {role} LOGIN"),
    "a password that has changed": (
        "28P01",
        "ALTER ROLE {role} PASSWORD 'another'",
        "ALTER ROLE {role} PASSWORD 'hunter2'",
    ),
    "a role that may not connect": (
        "42501",
        "REVOKE CONNECT ON DATABASE {database} FROM PUBLIC",
        "GRANT CONNECT ON DATABASE {database} TO PUBLIC",
    ),
    "a database that is gone": (
        "3D000",
        "DROP DATABASE {database} WITH (FORCE)",
        "CREATE DATABASE {database} TEMPLATE service",
    ),
}


@pytest.fixture
def role(postgres: FaultyPostgres, database: str) -> Iterator[str]:
    """May read and write every table, and enters by the password `hunter2`."""
    name = f"role_{uuid4().hex}"
    with postgres.access(f"host all {name} 127.0.0.1/32 scram-sha-256"):
        sql(postgres.url(), f"CREATE ROLE {name} LOGIN PASSWORD 'hunter2'")
        sql(postgres.url(), f"GRANT pg_read_all_data, pg_write_all_data TO {name}")
        yield name
        sql(postgres.url(), f"ALTER ROLE {name} NOLOGIN")


@pytest.fixture
def url(postgres: FaultyPostgres, database: str, role: str) -> str:
    return postgres.url(database).replace("postgres@", f"{role}:hunter2@")


async def outcomes(service: Service) -> tuple[list[Answer], Answer]:
    """Those of a write and a read, and readiness's."""
    write = await ask(service.port, "POST", "/items", {"name": uuid4().hex})
    read = await ask(service.port, "GET", "/items")
    return [write, read], await ask(service.port, "GET", "/health/ready")


async def check_that_all_is_served(service: Service) -> None:
    answers, ready = await outcomes(service)
    assert [answer.status for answer in (*answers, ready)] == [201, 200, 200]


@pytest.mark.parametrize(("sqlstate", "refuse", "admit"), REFUSALS.values(), ids=REFUSALS)
def test_a_database_that_lets_nobody_in_is_a_503_until_it_does(
    serve: Serve,
    postgres: FaultyPostgres,
    database: str,
    role: str,
    url: str,
    sqlstate: str,
    refuse: str,
    admit: str,
) -> None:
    service = serve(url)

    async def execute(statement: str) -> None:
        named = statement.format(role=role, database=database)
        await asyncio.to_thread(sql, postgres.url(), named)

    async def campaign() -> None:
        await check_that_all_is_served(service)
        await execute(refuse)
        await execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = '{role}'"
        )
        refused, ready = await outcomes(service)
        await execute(admit)
        await check_that_all_is_served(service)

        assert [str(answer) for answer in refused if not answer.is_unavailable] == []
        assert (ready.status, ready.detail) == (503, NO_ANSWER)
        assert {line["sqlstate"] for line in service.log if line["level"] == "error"} == {sqlstate}
        assert "hunter2" not in service.served.said
        service.check_log(refused)
        figure(f"Postgres lets nobody in ({sqlstate})", answered_503=len(refused))

    asyncio.run(campaign())


@pytest.mark.parametrize(("whom", "sqlstate"), [("its role", "28000"), ("postgres", "3D000")])
def test_an_address_that_leads_to_a_foreign_server_is_a_503_until_it_leads_back(
    serve: Serve,
    postgres: FaultyPostgres,
    primary: FaultyPostgres,
    database: str,
    role: str,
    whom: str,
    sqlstate: str,
) -> None:
    """That server knows neither the role nor the database."""
    address = Address(postgres)
    user = f"{role}:hunter2" if whom == "its role" else "postgres"
    service = serve(address.url(database).replace("postgres@", f"{user}@"))

    async def campaign() -> None:
        async with address.open():
            await check_that_all_is_served(service)
            await address.move(primary, cut=True)
            refused, ready = await outcomes(service)
            await address.move(postgres, cut=True)
            await check_that_all_is_served(service)

        assert [str(answer) for answer in refused if not answer.is_unavailable] == []
        assert (ready.status, ready.detail) == (503, NO_ANSWER)
        assert {line["sqlstate"] for line in service.log if line["level"] == "error"} == {sqlstate}
        service.check_log(refused)

    asyncio.run(campaign())


@pytest.mark.parametrize("moves", [False, True], ids=["direct", "by its address"])
def test_no_host_that_takes_writes_is_a_503_until_one_does(
    serve: Serve, primary: FaultyPostgres, standby: FaultyPostgres, moves: bool
) -> None:
    address = Address(primary)
    url = (address if moves else primary).url("service")
    service = serve(f"{url}?target_session_attrs=read-write")

    async def campaign() -> None:
        async with address.open():
            await check_that_all_is_served(service)
            if moves:
                await address.move(standby, cut=True)
            else:
                await asyncio.to_thread(primary.become_standby)
            refused, ready = await outcomes(service)
            if moves:
                await address.move(primary, cut=True)
            else:
                await asyncio.to_thread(primary.promote)
            await check_that_all_is_served(service)

        assert [str(answer) for answer in refused if not answer.is_unavailable] == []
        assert (ready.status, ready.detail) == (503, NO_ANSWER)
        [error] = {line["error"] for line in service.log if line["level"] == "error"}
        assert error == "asyncpg.exceptions._base.TargetServerAttributeNotMatched"
        service.check_log(refused)

    asyncio.run(campaign())


def test_a_database_that_is_made_read_only_is_a_503_for_writes_until_it_is_not(
    serve: Serve, postgres: FaultyPostgres, database: str
) -> None:
    parameter = f"ALTER DATABASE {database} SET default_transaction_read_only"
    sql(postgres.url(), f"{parameter} = on")
    service = serve()

    async def campaign() -> None:
        [write, read], ready = await outcomes(service)
        await asyncio.to_thread(sql, postgres.url(), f"{parameter} = off")
        await check_that_all_is_served(service)

        assert write.is_unavailable
        assert [read.status, ready.status] == [200, 200]
        service.check_log([write])

    asyncio.run(campaign())


def test_a_role_that_may_not_read_the_revision_serves_and_is_not_ready(
    serve: Serve, postgres: FaultyPostgres, database: str, role: str, url: str
) -> None:
    sql(postgres.url(), f"REVOKE pg_read_all_data, pg_write_all_data FROM {role}")
    sql(postgres.url(database), f"GRANT SELECT, INSERT ON item TO {role}")
    service = serve(url)

    async def campaign() -> None:
        answers, ready = await outcomes(service)
        grant = f"GRANT SELECT ON alembic_version TO {role}"
        await asyncio.to_thread(sql, postgres.url(database), grant)

        assert [answer.status for answer in answers] == [201, 200]
        assert (ready.status, ready.detail) == (
            503,
            "The role may not read the revision: GRANT SELECT ON alembic_version TO it.",
        )
        await check_that_all_is_served(service)
        service.check_log(answers)

    asyncio.run(campaign())


@through_poolers
@pytest.mark.parametrize("type_", ["varchar(200)", "text"])
def test_a_migration_of_a_table_in_use_fails_no_read_and_a_write_once(
    serve: Serve, release: Release | None, type_: str
) -> None:
    service = serve(postgres_pool_size=1)

    async def campaign() -> None:
        created = await ask(service.port, "POST", "/items", {"name": "lamp"})
        item = created.headers["location"]

        async def change(size: int) -> Answer:
            return await ask(service.port, "PATCH", item, {"attributes": {"size": size}})

        reads = [await ask(service.port, "GET", item)]
        writes = [await change(1)]
        await service.execute(f"ALTER TABLE item ALTER COLUMN name TYPE {type_}")
        reads += [await ask(service.port, "GET", item) for _ in range(2)]
        writes += [await change(size) for size in (2, 3)]

        assert [read.status for read in reads] == [200, 200, 200]
        is_prepared = release is None or release.prepares
        assert [write.status for write in writes] == [200, 503 if is_prepared else 200, 200]
        assert writes[1].is_unavailable is is_prepared
        service.check_log(writes)

    asyncio.run(campaign())
