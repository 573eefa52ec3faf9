"""A worker as a process: what it needs, how it is told of jobs, and how it ends."""

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from tests.faults.postgres import FaultyPostgres, faulty_postgres
from tests.support.services import Environment
from tests.support.serving import free_port, processes, sql, until

pytestmark = pytest.mark.slow
JOBS = """
import asyncio

from sqlalchemy import text


async def light(session, *, name: str):
    await session.execute(text("INSERT INTO lamp (name) VALUES (:name)"), {"name": name})


async def light_for_ever(session):
    await session.execute(text("INSERT INTO lamp (name) VALUES ('for ever')"))
    await asyncio.Event().wait()
"""
ENQUEUE = """
import asyncio, json, sys
from app.core.config import settings
from app.core.database import open_database
from app.core.jobs import enqueue
from app.lamps import jobs

async def main():
    async with open_database(settings) as database, database.session() as session:
        await enqueue(session, getattr(jobs, sys.argv[1]), **json.loads(sys.argv[2]))

asyncio.run(main())
"""
BESIDE = """
import sys
from dev.beside import worker
with worker.running(0):
    print("runs", flush=True)
    sys.stdin.readline()
"""
STARTED = "The worker has started."


class Lamps:
    """A service with a feature `lamps`, and its database."""

    def __init__(self, folder: Path, environment: Environment, url: str) -> None:
        self.folder, self.url = folder, url
        self.python = str(environment.folder / "bin" / "python")
        self.variables = environment.variables | {"POSTGRES_URL": url, "ENVIRONMENT": "production"}
        (folder / "app" / "lamps").mkdir()
        (folder / "app" / "lamps" / "jobs.py").write_text(JOBS)

    def run(self, *arguments: str) -> None:
        subprocess.run(
            [self.python, *arguments], cwd=self.folder, env=self.variables, check=True, stdout=-3
        )

    def enqueue(self, job: str, **arguments: str) -> None:
        self.run("-c", ENQUEUE, job, json.dumps(arguments))

    def lit(self) -> list[str]:
        return [name for (name,) in sql(self.url, "SELECT name FROM lamp ORDER BY name")]

    @contextmanager
    def worker(self, **settings: str) -> Iterator["subprocess.Popen[bytes]"]:
        """One that has started; it ends by a SIGTERM, with 0."""
        log = self.folder / f"{uuid4().hex}.log"
        variables: dict[str, Any] = self.variables | settings
        with log.open("wb") as output:
            worker = subprocess.Popen(
                [self.python, "-m", "app.worker"],
                cwd=self.folder,
                env=variables,
                stdout=output,
                stderr=output,
            )
        self.log = log
        try:
            until(lambda: STARTED in log.read_text(), "the worker has started")
            yield worker
            worker.terminate()
            assert worker.wait(60) == 0, log.read_text()
        finally:
            worker.kill()
            worker.wait()


@pytest.fixture(scope="module")
def server() -> Iterator[FaultyPostgres]:
    with faulty_postgres() as server:
        yield server


@pytest.fixture
def lamps(
    service_with_jobs: Path, environment_of_jobs: Environment, server: FaultyPostgres
) -> Lamps:
    name = f"test_{uuid4().hex}"
    sql(server.url(), f"CREATE DATABASE {name}")
    lamps = Lamps(service_with_jobs, environment_of_jobs, server.url(name))
    lamps.run("-m", "alembic", "upgrade", "head")
    sql(lamps.url, "CREATE TABLE lamp (name text)")
    return lamps


def test_a_worker_needs_two_variables_and_finds_jobs_by_their_place(lamps: Lamps) -> None:
    with lamps.worker():
        lamps.enqueue("light", name="a")
        until(lambda: lamps.lit() == ["a"], "the job is done")

    lines = [json.loads(line) for line in lamps.log.read_text().splitlines()]
    [job] = [line for line in lines if line["event"] == "job"]
    assert (job["job"], job["status"], job["attempt"]) == ("lamps.light", "done", 1)


def test_a_worker_is_told_of_a_job_at_once_though_it_polls_seldom(lamps: Lamps) -> None:
    with lamps.worker(JOBS_POLL_SECONDS="60"):
        listening = "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'LISTEN%'"
        until(lambda: sql(lamps.url, listening), "it listens")
        lamps.enqueue("light", name="a")
        told = time.monotonic()
        until(lambda: lamps.lit() == ["a"], "the job is done")

    assert time.monotonic() - told < 30  # without LISTEN it would be up to 60


@pytest.mark.parametrize("way", ["polls", "listens past it"])
def test_behind_a_pooler_a_worker_polls_or_listens_past_it(lamps: Lamps, way: str) -> None:
    """By the setting alone: this worker's database is not behind a pooler."""
    settings = {"POSTGRES_POOLER": "transaction", "JOBS_POLL_SECONDS": "0.2"}
    if way != "polls":
        settings |= {"JOBS_POLL_SECONDS": "60", "JOBS_LISTEN_URL": lamps.url}

    with lamps.worker(**settings):
        listening = "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'LISTEN%'"
        if way != "polls":
            until(lambda: sql(lamps.url, listening), "it listens")
        lamps.enqueue("light", name="a")
        until(lambda: lamps.lit() == ["a"], "the job is done")
        assert bool(sql(lamps.url, listening)) is (way != "polls")


def test_a_worker_answers_probes_and_gives_back_what_it_cannot_finish(lamps: Lamps) -> None:
    port = free_port()

    with lamps.worker(JOBS_HEALTH_PORT=str(port), JOBS_DRAIN_SECONDS="0") as worker:
        answer = httpx2.get(f"http://127.0.0.1:{port}/", trust_env=False)
        lamps.enqueue("light_for_ever")
        running = "SELECT 1 FROM jobs.pgqueuer WHERE status = 'picked'"
        until(lambda: sql(lamps.url, running), "the job runs")
        assert worker.poll() is None

    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    left = "SELECT status::text, attempts, queue_manager_id FROM jobs.pgqueuer"
    assert sql(lamps.url, left) == [("queued", 0, None)]
    assert lamps.lit() == []


def test_a_worker_starts_while_the_database_is_away(lamps: Lamps, server: FaultyPostgres) -> None:
    server.stop()
    try:
        with lamps.worker():
            server.start()
            lamps.enqueue("light", name="a")
            until(lambda: lamps.lit() == ["a"], "the job is done")
    finally:
        server.restore()


def test_make_dev_runs_a_worker_which_ends_with_it(lamps: Lamps) -> None:
    variables: dict[str, Any] = lamps.variables | {"ENVIRONMENT": "local"}
    dev = subprocess.Popen(
        [lamps.python, "-c", BESIDE],
        cwd=lamps.folder,
        env=variables,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        lamps.enqueue("light", name="a")
        until(lambda: lamps.lit() == ["a"], "the job is done")
        dev.communicate(b"\n", timeout=60)
        until(lambda: processes("pgid", str(dev.pid)) == [], "all have ended")
    finally:
        dev.kill()
