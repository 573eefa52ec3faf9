"""The contract of a service, which is its own tests, through a pooler."""

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.faults.conftest import set_limits
from tests.faults.poolers import NEW, OLD, Pooler, Release
from tests.faults.postgres import FaultyPostgres
from tests.faults.production import Production
from tests.support.figures import figure
from tests.support.services import Environment

pytestmark = [pytest.mark.slow, pytest.mark.system]

PLUGIN = Path(__file__).with_name("through_pooler.py")
# Tests that ask for what a pooler takes over from the service, and why.
DIRECT = "tests/core/postgres/test_pooler.py"  # puts the server in the place of a pooler
NOT_MEANT = {
    "test_a_connection_that_the_server_closed_is_replaced": "the connection is the pooler's",
    "test_a_burst_of_reads_finds_the_connections_of_the_last_one": "it has fewer connections",
    "test_a_read_is_one_round_trip": "the server sees the pooler's last statement",
    "test_a_read_of_the_replica_is_one_round_trip": "the same",
    "test_a_503_takes_600_bytes_of_log": "another SQLSTATE tells that a server has gone",
    "test_a_role_that_may_not_read_the_revision_is_told_so": "it enters as another role",
    "test_the_example_env_file_tells_the_defaults": "these settings are others",
    # Any refusal of a write leaves the server, as it may be a standby; in these tests it is that of
    # a read on the connection of the test's own transaction.
    "test_postgres_refuses_writes_on_a_read_session": "it is left",
    "test_a_session_of_a_test_behaves_as_in_production[read in a transaction]": "it is left",
    "test_a_server_that_refuses_writes_is_left[reported2-False]": "it is left",
    "test_a_server_that_refuses_writes_is_left[reported3-False]": "it is left",
}
NOT_MEANT_FOR_PREPARED = {
    "test_each_engine_finds_a_primary_that_is_asked_for[read-write]": "docs/pooler.md: primary",
    "test_no_engine_takes_a_primary_for_a_standby[read-only]": "docs/pooler.md: standby",
    "test_a_statement_that_is_never_answered_is_a_lost_connection": "the role has other limits",
    "test_rows_that_nobody_reads_lose_their_connection": "the role has other limits",
}


@pytest.mark.parametrize(
    "release", [pytest.param(release, id=str(release)) for release in (OLD, NEW)], indirect=True
)
def test_the_tests_of_a_service_hold_through_a_pooler(
    release: Release,
    pooler: Pooler,
    production: Production,
    postgres: FaultyPostgres,
    render: Callable[..., Path],
    environment: Environment,
    tmp_path: Path,
) -> None:
    pooler.stop()
    every = {f"{pooler.database} = ": "* = ", f" dbname={pooler.database}": ""}
    for one, all_ in every.items():
        pooler.lines = [line.replace(one, all_) for line in pooler.lines]
    pooler.start()
    set_limits(production, pooler)
    service = Path(shutil.copytree(render(), tmp_path / "my-service"))
    shutil.copy(PLUGIN, service)
    with (service / "tests/settings.env").open("a") as settings:
        settings.writelines(f"{name.upper()}={v}\n" for name, v in release.settings.items())

    result = subprocess.run(
        [
            environment.folder / "bin/python",
            "-m",
            "pytest",
            "-q",
            "-rf",
            "-p",
            PLUGIN.stem,
            f"--ignore={DIRECT}",
        ],
        cwd=service,
        env=environment.variables
        | {
            "POOLER_URL": pooler.url,
            "TEST_POSTGRES_URL": urlsplit(pooler.url)
            ._replace(netloc=f"pooled@127.0.0.1:{postgres.port}", path="/postgres")
            .geturl(),
        },
        capture_output=True,
        text=True,
        check=False,
    )

    failed = set(re.findall(r"^FAILED \S+?::(.+?)(?: - .*)?$", result.stdout, re.MULTILINE))
    [passed] = re.findall(r"(\d+) passed", result.stdout)
    meant = NOT_MEANT | (NOT_MEANT_FOR_PREPARED if release.prepares else {})
    assert "test_a_burst_of_reads_finds_the_connections_of_the_last_one" in failed  # not direct
    assert failed - meant.keys() == set(), result.stdout[-5000:]
    assert "ERROR " not in result.stdout.splitlines()[-1]
    assert int(passed) > 500
    figure("the service's own tests", passed=int(passed), not_meant=len(failed), failed=0)
