"""What two write at once, and commits that fail."""

import asyncio
from collections import Counter

import pytest

from tests.faults.client import ask, ask_at_once, eventually
from tests.faults.conftest import Serve, through_poolers
from tests.faults.production import Service
from tests.support.figures import figure

pytestmark = [pytest.mark.slow, through_poolers]

# Each way in which a commit fails after every statement has succeeded.
DOOMED = """
CREATE TABLE parent (name text PRIMARY KEY);
CREATE TABLE doomed (
    how text,
    parent text GENERATED ALWAYS AS (CASE how WHEN 'orphan' THEN 'nobody' END) STORED
        REFERENCES parent DEFERRABLE INITIALLY DEFERRED
);
CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.how = 'collision' THEN RAISE EXCEPTION 'no' USING ERRCODE = '40001'; END IF;
        IF NEW.how = 'death' THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF;
        RETURN NULL;
    END
$$;
CREATE CONSTRAINT TRIGGER fail AFTER INSERT ON doomed DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION fail();
"""


async def workers(service: Service) -> int:
    """How many processes of the service are connected."""
    return len(
        await service.sql(
            "SELECT DISTINCT application_name FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name <> ''"
        )
    )


def test_one_of_many_that_write_the_same_name_is_told_201_and_the_rest_409(
    serve: Serve, full: bool
) -> None:
    service = serve(web_concurrency=2)
    names, at_once = 200 if full else 60, 4

    async def write(name: str) -> Counter[int | None]:
        answers = await ask_at_once(at_once, service.port, "POST", "/items", {"name": name})
        return Counter(answer.status for answer in answers)

    async def campaign() -> None:
        async def both_work() -> bool:
            await ask_at_once(10, service.port, "GET", "/items")
            return await workers(service) == 2

        await eventually(both_work, "both workers take requests")
        for first in range(0, names, 10):
            counted = await asyncio.gather(*(write(f"{n}") for n in range(first, first + 10)))
            assert counted == [{201: 1, 409: at_once - 1}] * 10
        crowd = await ask_at_once(200, service.port, "POST", "/items", {"name": "crowd"})

        assert Counter(answer.status for answer in crowd) == {201: 1, 409: 199}
        assert await service.names() == {*map(str, range(names)), "crowd"}
        service.check_log([])
        figure(
            "two workers, the same name",
            names=names,
            times_each=at_once,
            and_one_name_times=200,
            slowest_seconds=max(answer.seconds for answer in crowd),
            answered_500=0,
        )

    asyncio.run(campaign())


def test_changes_and_deletions_of_an_item_at_once_are_answered(serve: Serve, full: bool) -> None:
    service = serve()
    items = 150 if full else 30

    async def race(number: int) -> Counter[tuple[str, int | None]]:
        created = await ask(service.port, "POST", "/items", {"name": f"{number}"})
        path = created.headers["location"]
        changes = (
            ask(service.port, "PATCH", path, {"attributes": {"size": size}}) for size in (1, 2)
        )
        deletions = (ask(service.port, "DELETE", path) for _ in range(2))
        answers = await asyncio.gather(*changes, *deletions)
        return Counter((answer.method, answer.status) for answer in answers)

    async def campaign() -> None:
        races = [await race(number) for number in range(items)]

        counted = sum(races, Counter())
        assert {race["DELETE", 204] for race in races} == {1}
        assert {race["DELETE", 404] for race in races} == {1}
        assert counted["PATCH", 200] + counted["PATCH", 404] == 2 * items
        assert await service.names() == set()
        service.check_log([])
        figure(
            "two changes and two deletions of an item",
            items=items,
            changed=counted["PATCH", 200],
            not_found=counted["PATCH", 404],
            answered_500=0,
        )

    asyncio.run(campaign())


def test_a_commit_that_fails_is_not_answered_with_success(serve: Serve, full: bool) -> None:
    service = serve()
    times = 200 if full else 30

    async def fail(how: str, status: int) -> None:
        path = f"/faults/doomed?how={how}"
        answers = await ask_at_once(times, service.port, "POST", path)

        assert Counter(answer.status for answer in answers) == {status: times}
        assert await service.sql("SELECT * FROM doomed") == []
        await service.check_that_nothing_hangs()
        service.check_log(answers)
        figure(f"commits that fail ({how})", commits=times, answered_2xx=0, answered=status)

    async def campaign() -> None:
        await service.execute(DOOMED)
        await fail("orphan", 500)  # no value of the request is at fault
        await fail("collision", 503)
        await fail("death", 503)

        healthy = await ask(service.port, "POST", "/items", {"name": "lamp"})
        assert healthy.status == 201

    asyncio.run(campaign())
