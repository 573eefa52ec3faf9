from tests.support import surroundings

surroundings.make_neutral()

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import figures, services
from tests.support.services import Environment
from tests.support.shared import Shared, shared_by_workers

ANSWERS_FILE = "{{_copier_conf.answers_file}}.jinja"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="run every test in its full size")


def pytest_configure(config: pytest.Config) -> None:
    figures.size = "full" if config.getoption("--full") else "small"


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """One more than there are cores: slow tests wait, for a server or for the end of a fault."""
    return (os.cpu_count() or 1) + ("not slow" not in config.option.markexpr)


@pytest.fixture(scope="session")
def full(request: pytest.FixtureRequest) -> bool:
    """Whether tests shall run in their full size."""
    return bool(request.config.getoption("--full"))


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Shared:
    """What is made once for all workers of this run."""
    return shared_by_workers(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="session")
def template(shared: Shared) -> Path:
    """The working tree, committed: what the next release would be."""
    return shared.folder("template", services.snapshot)


@pytest.fixture(scope="session")
def render(template: Path, shared: Shared) -> Callable[..., Path]:
    """`render(ci="gitlab")` is a rendered service. It is shared: never write into it."""

    def render(**answers: object) -> Path:
        return shared.render(
            "the working tree", answers, lambda place: services.render(template, place, **answers)
        )

    return render


@pytest.fixture(scope="session")
def questions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template without its history and all files but that of the answers: quick to render."""
    folder = tmp_path_factory.mktemp("questions")
    (folder / "template").mkdir()
    shutil.copy(services.ROOT / "template" / ANSWERS_FILE, folder / "template")
    shutil.copy(services.ROOT / "copier.yml", folder)
    shutil.copytree(services.ROOT / "includes", folder / "includes")
    return folder


@pytest.fixture
def service(render: Callable[..., Path], tmp_path: Path) -> Path:
    """A rendered service with default answers, the test's own."""
    return Path(shutil.copytree(render(), tmp_path / "my-service"))


@pytest.fixture(scope="session")
def install(
    render: Callable[..., Path], shared: Shared, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Path]:
    """`install("--no-dev", jobs=True)` is a rendered service with these dependencies in its .venv.
    They are installed once for all workers, and copied for each."""

    def install(*options: str, **answers: object) -> Path:
        installed = shared.render(
            f"installed {' '.join(options)}",
            answers,
            lambda place: services.install(render(**answers), place, *options),
        )
        place = tmp_path_factory.mktemp("installed") / "my-service"
        return Path(shutil.copytree(installed, place, symlinks=True))

    return install


@pytest.fixture(scope="session")
def environment(install: Callable[..., Path]) -> Environment:
    """The dependencies of a rendered service, the worker's own: `uv run` in a service that has
    others installs them too."""
    return services.environment_of(install())
