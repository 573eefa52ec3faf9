"""How much Postgres reads to pick jobs does not grow with the jobs that wait."""

import json
import subprocess

import pytest

from tests.jobs.lamps import Lamps
from tests.support.serving import sql

pytestmark = pytest.mark.slow
WAITING = 100_000
# Postgres's pages. All jobs that wait are some thousands.
ENOUGH = 500
FILL = """
    INSERT INTO jobs.pgqueuer (priority, status, entrypoint, execute_after)
    SELECT n % 3, 'queued', 'lamps.light', {due} FROM generate_series(1, {count}) n
"""


def pages_read(lamps: Lamps) -> int:
    """By the statement that picks ten."""
    code = "from app.worker.statements import PICK; print(PICK)"
    pick = subprocess.run(
        [lamps.python, "-c", code], cwd=lamps.folder, check=True, stdout=-1, text=True
    ).stdout
    for number, value in enumerate(("ARRAY['lamps.light']", "gen_random_uuid()", "10"), start=1):
        pick = pick.replace(f"${number}", value)
    [(explained,)] = sql(lamps.url, f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {pick}")
    [plan] = json.loads(explained)
    assert plan["Plan"]["Actual Rows"] == 10
    return int(plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"])


@pytest.mark.parametrize(
    "due", ["now()", "now() + interval '1 day'"], ids=["that are due", "for tomorrow"]
)
def test_jobs_that_wait_do_not_slow_the_next_ones(lamps: Lamps, due: str) -> None:
    sql(lamps.url, FILL.format(due=due, count=WAITING))
    sql(lamps.url, FILL.format(due="now()", count=20))

    assert pages_read(lamps) < ENOUGH
    sql(lamps.url, "ANALYZE jobs.pgqueuer")
    assert pages_read(lamps) < ENOUGH
