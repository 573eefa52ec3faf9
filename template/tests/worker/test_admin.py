from typing import Any

import pytest

from app.core.config import Settings
from app.core.database import Database
from app.core.jobs import enqueue
from app.worker import admin
from tests.worker.conftest import StartWorker
from tests.worker.rows import jobs, until


@pytest.fixture
async def held(jobs_database: Database, lamps: Any, start_worker: StartWorker) -> int:
    """The id of a job that is held."""
    async with start_worker(), jobs_database.session() as session:
        job_id = await enqueue(session, lamps.break_one, name="a")
        await session.commit()
        await until(jobs_database, [("lamps.break_one", "failed", 2, "0")])
    assert job_id is not None
    return job_id


@pytest.fixture
def its_settings(jobs_database: Database, committing_app: Any) -> Settings:
    found: Settings = committing_app.state.settings_of(Settings)
    return found


async def test_the_list_counts_the_jobs_of_each_type(
    held: int, jobs_database: Database, lamps: Any, its_settings: Settings
) -> None:
    async with jobs_database.session() as session:
        await enqueue(session, lamps.light, name="b")

    assert await admin.run(its_settings, "list") == (
        "job              waiting  running  held  oldest\n"
        "lamps.break_one        0        0     1\n"
        "lamps.light            1        0     0  00:00:00"
    )


async def test_held_jobs_are_listed_with_their_errors(held: int, its_settings: Settings) -> None:
    listed = await admin.run(its_settings, "held")

    assert "The lamp a is broken: ? ? password=" in listed
    assert [line.split()[:4] for line in listed.splitlines()] == [
        ["id", "job", "attempts", "crashes"],
        [str(held), "lamps.break_one", "2", "0"],
    ]


@pytest.mark.parametrize("by", ["id", "type"])
async def test_a_held_job_is_repeated_or_discarded(
    held: int, jobs_database: Database, its_settings: Settings, by: str
) -> None:
    chosen = str(held) if by == "id" else "lamps.break_one"

    assert await admin.run(its_settings, "retry", chosen) == f"1 job: {held}"
    assert await jobs(jobs_database) == [("lamps.break_one", "queued", 0, "0")]
    with pytest.raises(LookupError, match=f"No held job is {chosen}: python -m app.worker.admin"):
        await admin.run(its_settings, "discard", chosen)


async def test_a_held_job_is_discarded(
    held: int, jobs_database: Database, its_settings: Settings
) -> None:
    assert await admin.run(its_settings, "discard", str(held)) == f"1 job: {held}"

    assert await jobs(jobs_database) == []
    assert await admin.run(its_settings, "list") == "There are none."
