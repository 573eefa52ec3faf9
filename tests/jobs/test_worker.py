"""A worker as a process: what it needs, how it is told of jobs, and how it ends."""

import json
import subprocess
import time
from typing import Any

import httpx2
import pytest

from tests.faults.postgres import FaultyPostgres
from tests.jobs.lamps import LISTENING, Lamps
from tests.support.serving import free_port, processes, sql, until

pytestmark = pytest.mark.slow
BESIDE = """
import sys
from dev.beside import worker
with worker.running(0):
    print("runs", flush=True)
    sys.stdin.readline()
"""


def test_a_worker_needs_two_variables_and_finds_jobs_by_their_place(lamps: Lamps) -> None:
    with lamps.worker():
        lamps.enqueue("light", name="a")
        until(lambda: lamps.lit() == ["a"], "the job is done")

    lines = [json.loads(line) for line in lamps.log.read_text().splitlines()]
    [job] = [line for line in lines if line["event"] == "job"]
    assert (job["job"], job["status"], job["attempt"]) == ("lamps.light", "done", 1)


def test_a_worker_is_told_of_a_job_at_once_though_it_polls_seldom(lamps: Lamps) -> None:
    with lamps.worker(JOBS_POLL_SECONDS="60"):
        until(lambda: sql(lamps.url, LISTENING), "it listens")
        lamps.enqueue("light", name="a")
        told = time.monotonic()
        until(lambda: lamps.lit() == ["a"], "the job is done")

    assert time.monotonic() - told < 30  # without LISTEN it would be up to 60


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
