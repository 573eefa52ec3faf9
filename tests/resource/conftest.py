import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from fleet import cli
from fleet.resource.project import Project
from tests.resource.filling import fill
from tests.resource.specifications import FAMILIES, WALK
from tests.support.services import Environment
from tests.support.shared import Shared

Command = Callable[..., tuple[int, str]]


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Six services take an hour: `test_walk` has what of them is always tried."""
    is_large = collection_path.name == "test_pairwise_services.py"
    return True if is_large and not config.getoption("--full") else None


@pytest.fixture(scope="session")
def plain(render: Callable[..., Path]) -> Project:
    """A rendered service. It is shared: never write into it."""
    return Project(render())


@pytest.fixture
def project(service: Path) -> Project:
    """A service of the test's own."""
    return Project(service)


@pytest.fixture
def service_copy(render: Callable[..., Path], tmp_path: Path) -> Project:
    """A second one."""
    return Project(shutil.copytree(render(), tmp_path / "copy"))


@pytest.fixture
def resource(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    """`resource(folder, "--name", "lamp")` is the exit code and what was printed."""

    def resource(folder: Path, *arguments: str) -> tuple[int, str]:
        monkeypatch.chdir(folder)
        monkeypatch.setattr(sys, "argv", ["fleet", "service", "resource", *arguments])
        with pytest.raises(SystemExit) as end:
            cli.main()
        return int(end.value.code or 0), "".join(capfd.readouterr())

    return resource


@pytest.fixture
def with_families(
    render: Callable[..., Path], environment: Environment, shared: Shared, tmp_path: Path
) -> Path:
    """A service of the test's own with a resource of each family."""

    def make(place: Path) -> None:
        service = Path(shutil.copytree(render(), place / "my-service"))
        fill(service, environment, [*WALK, *FAMILIES])
        environment.run(service, "make", "reset-db")

    place = shared.folder("service-with-resources", make)
    return Path(shutil.copytree(place / "my-service", tmp_path / "my-service"))
