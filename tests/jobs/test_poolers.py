"""A worker behind PgBouncer in transaction mode, where no notification arrives."""

import subprocess
import time
from collections.abc import Iterator

import pytest

from tests.faults.poolers import NEW, OLD, ROLE, Pooler, Release, pooled
from tests.faults.postgres import FaultyPostgres
from tests.jobs.lamps import LISTENING, Lamps
from tests.support.serving import sql, until

pytestmark = [pytest.mark.slow, pytest.mark.system]


@pytest.fixture(params=[OLD, NEW], ids=str)
def pooler(
    request: pytest.FixtureRequest, server: FaultyPostgres, lamps: Lamps
) -> Iterator[Pooler]:
    """What the lamps connect to from here on."""
    release: Release = request.param
    if not sql(server.url(), f"SELECT FROM pg_roles WHERE rolname = '{ROLE}'"):
        sql(server.url(), f"CREATE ROLE {ROLE} LOGIN SUPERUSER")
    with pooled(release, server, lamps.url.rpartition("/")[2]) as pooler:
        settings = {name.upper(): str(value) for name, value in release.settings.items()}
        lamps.variables |= settings | {"POSTGRES_URL": pooler.url}
        for limit in limits(lamps):
            sql(server.url(), limit)
        yield pooler


def limits(lamps: Lamps) -> list[str]:
    """What `make pooler-sql` prints."""
    command = [lamps.python, "-m", "dev.pooler_sql"]
    printed = subprocess.run(
        command, cwd=lamps.folder, env=lamps.variables, check=True, stdout=-1, text=True
    )
    return printed.stdout.splitlines()[1:]


def test_behind_a_pooler_a_worker_polls(lamps: Lamps, pooler: Pooler) -> None:
    with lamps.worker(JOBS_POLL_SECONDS="0.2"):
        lamps.enqueue("light", name="a")
        until(lambda: lamps.lit() == ["a"], "the job is done")
        assert sql(lamps.url, LISTENING) == []

        pooler.stop()
        pooler.start()
        lamps.enqueue("light", name="b")
        until(lambda: lamps.lit() == ["a", "b"], "the next one is done")


@pytest.mark.parametrize("around", ["JOBS_LISTEN_URL", "POSTGRES_MIGRATION_URL"])
def test_a_worker_listens_past_a_pooler(lamps: Lamps, pooler: Pooler, around: str) -> None:
    with lamps.worker(JOBS_POLL_SECONDS="60", **{around: lamps.url}):
        until(lambda: sql(lamps.url, LISTENING), "it listens")
        told = time.monotonic()
        lamps.enqueue("light", name="a")
        until(lambda: lamps.lit() == ["a"], "the job is done")
        pooler.stop()
        pooler.start()
        lamps.enqueue("light", name="b")
        until(lambda: lamps.lit() == ["a", "b"], "the next one is done")

    assert time.monotonic() - told < 30  # a worker that polls would take up to 60
