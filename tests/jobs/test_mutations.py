"""The tests of a service with jobs fail when a job is lost, or done twice: see `mutations.toml`."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.support import mutations
from tests.support.mutations import Mutation
from tests.support.services import Environment

pytestmark = pytest.mark.slow
ALWAYS, FULL = mutations.read(Path(__file__).with_name("mutations.toml"))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "mutation" in metafunc.fixturenames:
        chosen = ALWAYS + FULL if metafunc.config.getoption("--full") else ALWAYS
        metafunc.parametrize("mutation", chosen, ids=lambda mutation: mutation.name)


def test_the_tests_of_jobs_notice(
    mutation: Mutation, service_with_jobs: Path, environment_of_jobs: Environment
) -> None:
    mutation.apply(service_with_jobs)

    python = environment_of_jobs.folder / "bin" / "python"
    result = subprocess.run(
        [python, "-m", "pytest", "-x", "-q", "-rf", "--tb=line", mutation.tests],
        cwd=service_with_jobs,
        env=environment_of_jobs.variables,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    failed = re.findall(r"^FAILED (tests/\S+)", result.stdout, re.MULTILINE)
    assert (result.returncode, len(failed)) == (1, 1), f"{result.stdout}{result.stderr}"
