import re
from pathlib import Path
from typing import Any

import pytest

from app.core.jobs import job
from app.core.jobs.definitions import definitions
from app.core.jobs.limits import Limits

APP = Path(__file__).parents[3] / "app"


def test_jobs_are_found_by_lying_in_a_feature(lamps: Any) -> None:
    found = [name for name in definitions() if name.startswith("lamps.")]

    assert found == [
        "lamps.break_one",
        "lamps.count_lamps",
        "lamps.dim",
        "lamps.dim@2",
        "lamps.dim@3",
        "lamps.light",
        "lamps.light_a_while",
        "lamps.light_for_ever",
        "lamps.light_the_next",
        "lamps.light_too_long",
        "lamps.unlock",
    ]


def test_a_newer_version_reads_what_an_older_one_wrote(lamps: Any) -> None:
    dim = definitions()["lamps.dim"]

    assert dim is definitions()["lamps.dim@3"]
    assert dim.entrypoint == "lamps.dim@3"
    assert dim.load(b'{"name": "a"}') == {"name": "a", "to": 50}


def test_a_job_has_limits_without_asking_for_them(lamps: Any) -> None:
    limits = definitions()["lamps.light"].limits

    assert limits == Limits(attempts=10, timeout_seconds=60, version=1, name=None, cron=None)


@pytest.mark.parametrize("expression", ["every day", "* * * * * *", "61 * * * *", ""])
def test_a_cron_expression_that_is_not_valid_is_refused(expression: str) -> None:
    with pytest.raises(ValueError, match=re.escape(f"The cron expression {expression!r} is not")):
        job(cron=expression)


def test_nothing_but_the_driver_on_sessions_enqueues() -> None:
    """On asyncpg's own connection a job would be enqueued outside of the transaction."""
    direct = re.compile(
        "AsyncpgDriver|AsyncpgPoolDriver|PsycopgDriver|from_asyncpg|get_raw_connection"
        r"|INSERT INTO jobs\.pgqueuer\b"
    )
    features = [path for path in APP.glob("*/*.py") if path.parent.name not in ("core", "server")]
    found = [str(path.relative_to(APP)) for path in features if direct.search(path.read_text())]

    assert found == []


def test_only_the_core_of_jobs_and_the_worker_know_pgqueuer() -> None:
    knowing = {
        path.relative_to(APP).parent.as_posix()
        for path in APP.rglob("*.py")
        if re.search(r"^(from|import) pgqueuer", path.read_text(), re.MULTILINE)
    }

    assert knowing == {"core/jobs", "worker"}
