"""The tests of a resource notice faults. `mutations.toml` is the list."""

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.resource.filling import fill
from tests.resource.specifications import FAMILIES, WALK
from tests.support import mutations
from tests.support.mutations import Mutation
from tests.support.services import Environment
from tests.support.shared import Shared

pytestmark = pytest.mark.slow
ALWAYS, FULL = mutations.read(Path(__file__).with_name("mutations.toml"))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    full = metafunc.config.getoption("--full")
    if "mutation" in metafunc.fixturenames:
        chosen = ALWAYS + FULL if full else ALWAYS
        metafunc.parametrize("mutation", chosen, ids=lambda mutation: mutation.name)


@pytest.fixture
def filled(
    render: Callable[..., Path], environment: Environment, shared: Shared, tmp_path: Path
) -> Path:
    """A service of the test's own with a resource of each family."""

    def make(place: Path) -> None:
        service = Path(shutil.copytree(render(), place / "my-service"))
        fill(service, environment, [*WALK, *FAMILIES])
        environment.run(service, "make", "reset-db")

    place = shared.folder("service-with-resources", make)
    return Path(shutil.copytree(place / "my-service", tmp_path / "my-service"))


def test_the_tests_of_a_resource_notice(
    mutation: Mutation, filled: Path, environment: Environment
) -> None:
    mutation.apply(filled)

    python = environment.folder / "bin" / "python"
    result = subprocess.run(
        [python, "-m", "pytest", "-x", "-q", "-rf", "--tb=line", mutation.tests],
        cwd=filled,
        env=environment.variables,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    failed = re.findall(r"^FAILED (tests/\S+)", result.stdout, re.MULTILINE)
    assert (result.returncode, len(failed)) == (1, 1), f"{result.stdout}{result.stderr}"
