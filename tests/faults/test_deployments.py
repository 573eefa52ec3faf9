"""Old code on the schema of the new: what a rolling deployment does for a while."""

import asyncio

import pytest

from tests.faults.client import ask_at_once, check_writes, load
from tests.faults.conftest import Serve, through_poolers
from tests.support.figures import figure

pytestmark = [pytest.mark.slow, through_poolers]

SECRET = {"name": "hunter2"}


def test_a_column_that_old_code_does_not_fill_is_a_logged_500_and_no_fault_of_the_client(
    serve: Serve,
) -> None:
    service = serve()

    async def campaign() -> None:
        await service.execute("ALTER TABLE item ADD COLUMN owner text NOT NULL")
        answers = await ask_at_once(20, service.port, "POST", "/items", SECRET)
        reads = await ask_at_once(20, service.port, "GET", "/items")
        await service.execute("ALTER TABLE item ALTER COLUMN owner SET DEFAULT 'nobody'")
        mended = await ask_at_once(1, service.port, "POST", "/items", SECRET)

        assert {answer.status for answer in answers} == {500}
        assert all(b"owner" not in answer.body for answer in answers)
        assert {read.status for read in reads} == {200}
        assert [answer.status for answer in mended] == [201]
        errors = [line for line in service.log if line["level"] == "error"]
        assert len(errors) == 20
        assert all('null value in column "owner"' in line["exception"] for line in errors)
        assert "hunter2" not in service.served.said
        service.check_log(answers)
        figure("old code on a new NOT NULL column", answered_500=len(answers), answered_4xx=0)

    asyncio.run(campaign())


@pytest.mark.parametrize(
    "migration",
    [
        "ALTER TABLE item ADD COLUMN owner text",
        "ALTER TABLE item ADD COLUMN owner text NOT NULL DEFAULT 'nobody'",
        "ALTER TABLE item ADD COLUMN owner text; ALTER TABLE item DROP COLUMN owner",
        "CREATE INDEX CONCURRENTLY item_attributes_idx ON item USING gin (attributes)",
    ],
)
def test_a_migration_that_old_code_fits_fails_no_request(serve: Serve, migration: str) -> None:
    service = serve()

    async def campaign() -> None:
        async with load(service.port) as running:
            await running.until_served()
            await service.execute(migration)
            await running.until_served()

        assert [str(answer) for answer in running.failed] == []
        await service.check_that_nothing_hangs()
        service.check_log(running.answers)
        figure(
            f"under load: {migration}",
            requests=len(running.answers),
            **check_writes(running.answers, await service.names()),
        )

    asyncio.run(campaign())
