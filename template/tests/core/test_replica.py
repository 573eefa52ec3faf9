"""Where reads go beside a replica. The template's `tests/faults` have real ones that fail."""

from collections import namedtuple
from collections.abc import AsyncIterator
from typing import Any

import pytest
from httpx2 import ASGITransport, AsyncClient
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from structlog.testing import capture_logs

from app.core.config import Settings
from app.core.database import Database, PrimaryReadSessionDep, ReadSessionDep, open_database
from app.core.engine import LostConnectionError
from app.core.postgres.hosts import Hosts
from app.core.postgres.revisions import NotReadyError
from app.core.postgres.standby import RecoveryConflictError
from app.core.replica import Replica
from app.main import create_app

NAME = text("SELECT current_setting('application_name')")
CONFLICT = text("DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '40001'; END $$")
Told = namedtuple("Told", ["is_standby", "cluster", "database", "position"])


def state(*values: object) -> Any:
    """What a server tells of itself."""
    return Told(*values)


@pytest.fixture
def with_replica(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Its replica is the primary, by another name, and passes for a standby."""
    monkeypatch.setattr(Replica, "judge", lambda *_: None)
    url = settings.postgres_url.get_secret_value()
    named = f"{url}{'&' if '?' in url else '?'}application_name=replica"
    return Settings(postgres_url=url, postgres_replica_url=named, postgres_pool_timeout_seconds=0.1)


@pytest.fixture
async def pair(with_replica: Settings) -> AsyncIterator[Database]:
    async with open_database(with_replica) as database:
        yield database


@pytest.fixture
def replica(pair: Database) -> Replica:
    assert pair.replica is not None
    return pair.replica


async def test_reads_go_to_the_replica_unless_they_ask_for_the_primary(pair: Database) -> None:
    names = [
        await pair.read().scalar(NAME),
        await pair.read(primary=True).scalar(NAME),
    ]
    async with pair.read() as session, session.begin():
        names.append(await session.scalar(NAME))

    assert [name == "replica" for name in names] == [True, False, True]


async def test_a_route_may_read_on_the_primary_and_a_conflict_is_told(
    with_replica: Settings, pair: Database
) -> None:
    app = create_app(with_replica)
    app.state.database = pair

    @app.get("/servers")
    async def servers(read: ReadSessionDep, primary: PrimaryReadSessionDep) -> list[bool]:
        return [await session.scalar(NAME) == "replica" for session in (read, primary)]

    @app.get("/conflicts")
    async def conflict(session: ReadSessionDep) -> None:
        async with session.begin():
            await session.execute(CONFLICT)

    async with AsyncClient(transport=ASGITransport(app), base_url="http://test") as client:
        asked, refused = await client.get("/servers"), await client.get("/conflicts")

    assert asked.json() == [True, False]
    sentence = "The replica cancelled this read to follow the primary. Try again."
    assert (refused.status_code, refused.json()["detail"]) == (503, sentence)


async def test_a_read_of_the_replica_is_one_round_trip(pair: Database) -> None:
    """The service asks how the replica is by another connection."""
    process = await pair.read().scalar(text("SELECT pg_backend_pid()"))
    last = await pair.read(primary=True).scalar(
        text("SELECT query FROM pg_stat_activity WHERE pid = :process"), {"process": process}
    )

    assert last == "SELECT pg_backend_pid()"


async def test_reads_go_to_the_primary_while_the_replica_has_a_problem(
    pair: Database, replica: Replica
) -> None:
    replica.tell("It does not answer.")
    statement = await pair.read().scalar(NAME)
    async with pair.read() as session, session.begin():
        transaction = await session.scalar(NAME)
    replica.tell(None)
    afterwards = await pair.read().scalar(NAME)

    assert [name == "replica" for name in (statement, transaction, afterwards)] == [
        False,
        False,
        True,
    ]


async def test_without_fallback_a_read_fails_while_the_replica_has_a_problem(
    pair: Database, replica: Replica
) -> None:
    replica.may_fall_back = False
    replica.tell("It does not answer.")

    with pytest.raises(LostConnectionError) as error:
        await pair.read().scalar(NAME)

    assert str(error.value) == "The replica is not used. It does not answer."


ON_THE_REPLICA = "IF current_setting('application_name') = 'replica' THEN {}; END IF"
OF_ITS_OWN = {
    "it shuts down": "PERFORM pg_terminate_backend(pg_backend_pid())",
    "a pooler cuts it off": "RAISE EXCEPTION USING ERRCODE = '08P01'",
    "it is full": "RAISE EXCEPTION USING ERRCODE = '53300'",
    "a conflict with its recovery": "RAISE EXCEPTION USING ERRCODE = '40001'",
    "a deadlock with its recovery": "RAISE EXCEPTION USING ERRCODE = '40P01'",
    "a column that did not arrive": "RAISE EXCEPTION USING ERRCODE = '42703'",
}


@pytest.mark.parametrize("fault", OF_ITS_OWN.values(), ids=OF_ITS_OWN)
@pytest.mark.parametrize("may_fall_back", [True, False])
async def test_a_read_that_fails_by_the_fault_of_the_replica_is_repeated_on_the_primary(
    pair: Database, replica: Replica, fault: str, may_fall_back: bool
) -> None:
    replica.may_fall_back = may_fall_back
    read = text(f"DO $$ BEGIN {ON_THE_REPLICA.format(fault)}; END $$")

    if may_fall_back:
        await pair.read().execute(read)
    else:
        with pytest.raises((DBAPIError, RecoveryConflictError)):
            await pair.read().execute(read)


async def test_a_read_goes_to_the_primary_when_the_pooler_of_the_replica_loses_something(
    pair: Database, replica: Replica
) -> None:
    def lose(*_: object) -> None:
        raise NotReadyError("The pooler leaves the server with lock_timeout 0.")

    event.listen(replica.engine, "do_connect", lose)

    assert await pair.read().scalar(NAME) != "replica"


async def test_a_read_that_takes_too_long_is_not_repeated(pair: Database) -> None:
    read = "RAISE EXCEPTION USING ERRCODE = '57014'"

    with pytest.raises(DBAPIError):
        await pair.read().execute(text(f"DO $$ BEGIN {ON_THE_REPLICA.format(read)}; END $$"))


async def test_a_transaction_is_not_repeated_and_its_conflict_is_told(pair: Database) -> None:
    async with pair.read() as session, session.begin():
        with pytest.raises(RecoveryConflictError) as error:
            await session.execute(CONFLICT)

    assert str(error.value) == "The replica cancelled this read to follow the primary."


async def test_a_full_pool_is_the_fault_of_a_replica_that_is_left_alone(
    pair: Database, replica: Replica
) -> None:
    """Else the primary would get all that is too much for the replica."""
    full = PoolTimeoutError()

    before = replica.is_to_blame(full)
    replica.tell("It does not answer.")

    assert [before, replica.is_to_blame(full)] == [False, True]


@pytest.mark.parametrize(
    ("told", "problem"),
    [
        (state(True, 7, "app", 100), None),
        (state(True, 7, "app", 20), None),
        (state(True, 7, "app", 19), "It is more than 10 s behind the primary."),
        (state(True, 7, "app", None), "It is more than 10 s behind the primary."),
        (state(False, 7, "app", 100), "It takes writes: it is no standby."),
        (state(True, 8, "app", 100), "It is not a standby of this database."),
        (state(True, 7, "postgres", 100), "It is not a standby of this database."),
    ],
)
async def test_a_replica_is_a_standby_of_the_primary_and_not_far_behind(
    settings: Settings, told: Any, problem: str | None
) -> None:
    async with open_database(settings) as database:
        replica = Replica(settings, database.engine, database.engine, hosts=Hosts())
        before = replica.judge(state(True, 8, "other", 0))  # the primary never answered

        for position, second in [(10, 0), (20, 1), (100, 11)]:
            replica.note(state(False, 7, "app", position), asked_at=second)

    assert [before, replica.judge(told)] == [None, problem]


async def test_an_outage_of_the_replica_is_one_line_and_its_end_another(replica: Replica) -> None:
    with capture_logs() as lines:
        for problem in (None, "It does not answer.", "It is behind.", None, None):
            replica.tell(problem)

    told = [(line["log_level"], line["event"], line.get("reason")) for line in lines]
    assert told == [
        ("warning", "The replica is not used.", "It does not answer."),
        ("info", "The replica is used again.", None),
    ]
