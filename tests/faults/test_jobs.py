"""Jobs: what was acknowledged runs, whoever dies."""

import asyncio
import itertools
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import pytest

from tests.faults.client import Answer, ask, eventually
from tests.faults.job_workers import TABLES, Workers, add_deeds, newer, run_script, workers_of
from tests.faults.postgres import FaultyPostgres, faulty_postgres
from tests.faults.production import Production, Service
from tests.support.figures import figure
from tests.support.serving import sql, until

pytestmark = pytest.mark.slow

# What a name asks for: see `job_workers.py`.
KILLERS = ("start", "middle", "commit")  # each once
KINDS = (*KILLERS, *("cut", "undo", "plain", "plain", "plain", "plain", "plain") * 3)


@pytest.fixture(scope="module")
def production_with_jobs(install: Callable[..., Path]) -> Production:
    folder = install("--no-dev", jobs=True)
    add_deeds(folder)
    return Production(folder)


@pytest.fixture(scope="module")
def server_of_jobs(production_with_jobs: Production) -> Iterator[FaultyPostgres]:
    with faulty_postgres() as server:
        sql(server.url(), "CREATE DATABASE jobs")
        url = server.url("jobs")
        production_with_jobs.run("alembic", "upgrade", "head", POSTGRES_URL=url)
        run_script(url, TABLES)
        yield server


@pytest.fixture
def workers(
    production_with_jobs: Production, server_of_jobs: FaultyPostgres, tmp_path: Path
) -> Iterator[Workers]:
    server_of_jobs.restore()
    name = f"test_{uuid4().hex}"
    sql(server_of_jobs.url(), f"CREATE DATABASE {name} TEMPLATE jobs")
    with workers_of(production_with_jobs, server_of_jobs.url(name), tmp_path) as workers:
        yield workers


def enqueue(workers: Workers, *names: str) -> None:
    """By the service's own code, in a process of its own."""
    script = (
        "import asyncio, sys\n"
        "from app.core.config import settings\n"
        "from app.core.database import open_database\n"
        "from app.core.jobs import enqueue\n"
        "from app.deeds import jobs\n"
        "async def main():\n"
        "    async with open_database(settings) as database, database.session() as session:\n"
        "        for name in sys.argv[1:]:\n"
        "            job = jobs.fail if name.startswith('fail-') else jobs.do\n"
        "            await enqueue(session, job, name=name)\n"
        "asyncio.run(main())\n"
    )
    subprocess.run(
        [workers.production.folder / ".venv/bin/python", "-c", script, *names],
        cwd=workers.production.folder,
        env=workers.production.environment(POSTGRES_URL=workers.url),
        check=True,
    )


async def until_done(workers: Workers, *left: tuple[object, ...]) -> None:
    async def is_done() -> bool:
        workers.replace_dead()
        return await asyncio.to_thread(workers.queue) == list(left)

    await eventually(is_done, f"only {left} are left")


def check_deeds(workers: Workers, answers: dict[str, Answer]) -> tuple[int, int, int]:
    """How many requests were acknowledged and refused, and how often their jobs were begun."""
    acknowledged = {name for name, answer in answers.items() if answer.status == 201}
    refused = {name for name, answer in answers.items() if answer.status == 409}
    deeds = Counter(workers.deeds())
    del deeds["tick"]
    assert acknowledged - deeds.keys() == set()  # none is lost
    assert deeds.keys() & {name for name in answers if name.startswith("undo-")} == set()
    assert {name: count for name, count in deeds.items() if count > 1} == {}  # its row: once
    runs = sum(len(file.read_text().splitlines()) for file in workers.starts.iterdir())
    return len(acknowledged), len(refused), runs


def test_every_acknowledged_job_runs_and_no_other_whoever_dies(
    workers: Workers, server_of_jobs: FaultyPostgres, tmp_path: Path, full: bool
) -> None:
    asked = 960 if full else 96
    workers.settings |= {"JOBS_CRASHES": "1000", "JOBS_RETRY_SECONDS": "0.001"}
    numbers, answers = itertools.count(), dict[str, Answer]()
    production = workers.production

    async def ask_for_deeds(service: Service) -> None:
        for number in numbers:
            if number >= asked:
                return
            name = f"{KINDS[number % len(KINDS)]}-{number}"
            answers[name] = await ask(service.port, "POST", f"/deeds/{name}")

    async def do_harm() -> None:
        for harm in range(8 if full else 2):
            await reach((harm + 1) * asked // 10)
            workers.kill_one()
            workers.replace_dead()
            await asyncio.to_thread(
                sql,
                server_of_jobs.url(),
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname LIKE 'test%' AND random() < 0.5",
            )
        await asyncio.to_thread(server_of_jobs.stop)
        await asyncio.to_thread(server_of_jobs.start)

    async def reach(count: int) -> None:
        async def is_reached() -> bool:
            workers.replace_dead()
            return len(answers) >= count

        await eventually(is_reached, f"{count} are answered")

    async def campaign(service: Service) -> None:
        # Here a job has more neighbours that kill than in any life: none is to be held for them.
        workers.start(3)
        await asyncio.gather(do_harm(), *(ask_for_deeds(service) for _ in range(8)))
        await until_done(workers)

    with production.serve(workers.url, tmp_path, {}, app="app.main:app") as service:
        asyncio.run(campaign(service))
    assert set(workers.stop()) == {0}

    acknowledged, refused, runs = check_deeds(workers, answers)
    figure(
        "jobs while workers, connections and Postgres die",
        asked=asked,
        acknowledged=acknowledged,
        in_doubt=asked - acknowledged - refused,
        workers_killed=workers.deaths,
        runs=runs,
        acknowledged_and_lost=0,
        rolled_back_and_run=0,
        deeds_done_twice=0,
    )


def test_jobs_that_kill_their_workers_are_held_and_their_neighbours_run(
    workers: Workers, full: bool
) -> None:
    killers = 12 if full else 4
    workers.settings |= {"JOBS_CRASHES": "2"}
    # Each with eight neighbours, most of which are picked together with several killers.
    names = [f"{'plain' if n % 9 else 'poison'}-{n}" for n in range(9 * killers)]
    neighbours = [name for name in names if name.startswith("plain")]

    async def campaign() -> None:
        await asyncio.to_thread(enqueue, workers, *names, "fail-1")
        workers.start(2)
        await until_done(workers, ("deeds.do", "failed", killers), ("deeds.fail", "failed", 1))

    asyncio.run(campaign())

    assert sorted(name for name in workers.deeds() if name != "tick") == sorted(neighbours)
    found = sql(workers.url, "SELECT headers->>'crashes', attempts FROM jobs.pgqueuer ORDER BY 2")
    assert Counter(found) == {("2", 0): killers, (None, 3): 1}
    figure(
        "jobs that kill their workers",
        killers=killers,
        workers_killed=workers.deaths,
        neighbours_held=0,
    )


def test_two_versions_of_the_code_run_side_by_side(workers: Workers, tmp_path: Path) -> None:
    newer_code = newer(workers.production, tmp_path / "newer")
    old_names, new_names = [f"old-{n}" for n in range(20)], [f"new-{n}" for n in range(20)]

    async def campaign(old: Service, new: Service, newer_workers: Workers) -> None:
        workers.start(1)
        newer_workers.start(1)
        await asyncio.gather(
            *(ask(old.port, "POST", f"/deeds/{name}") for name in old_names),
            *(ask(new.port, "POST", f"/deeds/{name}") for name in new_names),
        )
        await until_done(workers)

    (tmp_path / "logs").mkdir()
    with (
        workers_of(newer_code, workers.url, tmp_path / "logs") as newer_workers,
        workers.production.serve(workers.url, tmp_path, {}, app="app.main:app") as old,
        newer_code.serve(workers.url, tmp_path / "logs", {}, app="app.main:app") as new,
    ):
        asyncio.run(campaign(old, new, newer_workers))
        done = sql(workers.url, "SELECT name, colour FROM deed WHERE name <> 'tick' ORDER BY 1")
        codes = [*workers.stop(), *newer_workers.stop()]

    colours = dict(done)
    assert len(done) == len(colours) == 40
    assert {colours[name] for name in new_names} == {"new"}  # an older worker would lose it
    assert {colours[name] for name in old_names} <= {"none", "old"}
    assert codes == [0, 0]


def test_a_due_time_is_one_job_for_five_workers_whose_clocks_differ(
    workers: Workers, full: bool
) -> None:
    due_times = 3 if full else 1
    sql(
        workers.url,
        "INSERT INTO jobs.pgqueuer_schedules (expression, entrypoint, last_run)"
        " VALUES ('* * * * *', 'deeds.tick', date_trunc('minute', now()) - interval '1 minute')",
    )

    for shift in (-4, -2, 0, 2, 4):
        workers.start(CLOCK_SHIFT=str(shift))

    until(lambda: workers.said.count("The worker has started.") == 5, "five workers run")
    for _ in range(due_times):  # each a minute after the other, which is as long as `until` waits
        with suppress(AssertionError):
            until(lambda: len(workers.deeds()) >= due_times, "the due times are done")
    assert workers.stop() == [0] * 5
    ticked = len(workers.deeds())
    minutes = sql(
        workers.url,
        "SELECT count(*), count(DISTINCT date_trunc('minute', created))"
        " FROM jobs.pgqueuer_log WHERE entrypoint = 'deeds.tick' AND status = 'queued'",
    )
    assert minutes[0][0] == ticked == minutes[0][1]
    figure("five workers, clocks 2 s apart", due_times=ticked, jobs=ticked)
