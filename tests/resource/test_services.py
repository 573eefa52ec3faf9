"""Services with resources pass their own checks and tests, untouched, and notice faults."""

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from fleet.resource.changing import change
from fleet.resource.project import Project
from fleet.resource.record import recorded
from fleet.resource.writing import write
from tests.resource import pairwise
from tests.resource.filling import fill
from tests.resource.specifications import ALL, FAMILIES, WALK, Asked
from tests.support import mutations, services
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
    if "which" in metafunc.fixturenames:
        everything = ["all that there is", *pairwise.SERVICES]
        metafunc.parametrize("which", everything if full else ["the walk"])


@pytest.fixture
def asked(which: str, plain: Project) -> list[Asked]:
    named = {"the walk": WALK, "all that there is": ALL}
    return named[which] if which in named else pairwise.resources(plain)[which]


def test_a_service_with_resources_passes_its_checks_and_its_tests(
    which: str,
    asked: list[Asked],
    render: Callable[..., Path],
    environment: Environment,
    tmp_path: Path,
    full: bool,
) -> None:
    """In the full size sixty: `pairwise` says what meets in them."""
    service = shutil.copytree(render(**pairwise.SERVICES.get(which, {})), tmp_path / "my-service")
    fill(service, environment, asked)
    new = [f"tests/{folder.parent.name}" for folder in service.glob("app/*/routes.py")]
    selected = [] if full else [f"ARGS={' '.join(new)} tests/test_migrations.py tests/test_main.py"]

    checked = environment.run(service, "make", "check", "test", *selected, timeout=3600)

    assert re.search(r"^=+ \d+ passed in ", checked.stdout, re.MULTILINE)


def test_a_field_that_is_added_has_its_migration_and_its_tests(
    service: Path, environment: Environment
) -> None:
    fields = "number:str(20) unique, size:int=1"
    fill(service, environment, [Asked("lamp", fields)])
    services.commit(service, "Write lamps")
    project = Project(service)

    more = f"{fields}, colour:enum(red,blue)=red, note:text?, extra:json={{}}, price:decimal(9,2)=0"
    changed = change(project, "lamp", recorded(project)["lamp"], more)
    write(project, changed.texts)
    environment.run(service, "make", "migration", "m=change lamp")
    environment.run(service, "make", "check")
    tested = environment.run(service, "make", "test", "ARGS=tests/lamps tests/test_migrations.py")

    [migration] = service.glob("migrations/versions/*_change_lamp.py")
    assert migration.read_text().count("op.add_column(") == 4
    assert re.search(r"^=+ \d+ passed in ", tested.stdout, re.MULTILINE)


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
