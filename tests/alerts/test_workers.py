"""/metrics of several workers would tell a part as if it were all: it is refused."""

import subprocess

import pytest

from tests.alerts.prometheus import exporting
from tests.faults.postgres import FaultyPostgres
from tests.faults.production import Production
from tests.support.serving import free_port

pytestmark = [pytest.mark.slow, pytest.mark.system]
SENTENCE = "OTEL_METRICS_EXPORTER=prometheus works with one worker, and this service has several:"


@pytest.mark.parametrize("by", ["flag", "variable"])
def test_a_service_with_several_workers_ends_with_a_sentence(
    by: str, production: Production, postgres: FaultyPostgres, database: str
) -> None:
    settings = {name.upper(): str(value) for name, value in exporting(free_port()).items()}
    settings |= {"WEB_CONCURRENCY": "2"} if by == "variable" else {}
    command = production.command("app.main:app", free_port())

    run = subprocess.run(
        [*command, "--workers", "2"] if by == "flag" else command,
        cwd=production.folder,
        env=production.environment(POSTGRES_URL=postgres.url(database), **settings),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert SENTENCE in run.stdout + run.stderr
