"""A pool that serves in order, used by those who give up at any moment."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.faults.postgres import FaultyPostgres
from tests.faults.production import Production
from tests.support.figures import figure

pytestmark = pytest.mark.slow

STORM = Path(__file__).with_name("storm.py")
OUTCOMES = {"served", "cancelled", "timed out", "not connected"}


@pytest.mark.parametrize("pool_timeout", [60, 0.02])
def test_a_storm_of_cancellations_and_time_outs_loses_no_turn_and_no_connection(
    production: Production, postgres: FaultyPostgres, database: str, pool_timeout: float, full: bool
) -> None:
    """With 60 s, a turn that is lost or passed to nobody would stop the storm."""
    settings = {
        "POSTGRES_URL": postgres.url(database),
        "POSTGRES_POOL_SIZE": "4",
        "POSTGRES_POOL_MAX_OVERFLOW": "2",
        "POSTGRES_POOL_TIMEOUT_SECONDS": str(pool_timeout),
    }
    storm = subprocess.run(
        [production.folder / ".venv/bin/python", STORM, str(12_000 if full else 1_000)],
        cwd=production.folder,
        env=production.environment(**settings),
        capture_output=True,
        text=True,
        check=False,
    )

    assert storm.returncode == 0, storm.stderr
    outcomes: dict[str, int] = json.loads(storm.stdout)
    assert set(outcomes) == OUTCOMES - ({"timed out"} if pool_timeout == 60 else set())
    figure(
        f"a storm on a pool of 6, which waits {pool_timeout:g} s",
        served=outcomes["served"],
        cancelled=outcomes["cancelled"],
        timed_out=outcomes.get("timed out", 0),
        not_connected=outcomes["not connected"],
        connections_lost=0,
    )
