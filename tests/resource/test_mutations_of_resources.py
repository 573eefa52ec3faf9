"""The tests of a resource notice faults. `mutations.toml` is the list."""

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
    full = metafunc.config.getoption("--full")
    if "mutation" in metafunc.fixturenames:
        chosen = ALWAYS + FULL if full else ALWAYS
        metafunc.parametrize("mutation", chosen, ids=lambda mutation: mutation.name)


def test_the_tests_of_a_resource_notice(
    mutation: Mutation, with_families: Path, environment: Environment
) -> None:
    mutation.apply(with_families)

    python = environment.folder / "bin" / "python"
    result = subprocess.run(
        [python, "-m", "pytest", "-x", "-q", "-rf", "--tb=line", mutation.tests],
        cwd=with_families,
        env=environment.variables,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    failed = re.findall(r"^FAILED (tests/\S+)", result.stdout, re.MULTILINE)
    assert (result.returncode, len(failed)) == (1, 1), f"{result.stdout}{result.stderr}"
