from tests.support import surroundings

surroundings.make_neutral()

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import services
from tests.support.services import Environment


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="run every test in its full size")


@pytest.fixture(scope="session")
def full(request: pytest.FixtureRequest) -> bool:
    """Whether tests shall run in their full size."""
    return bool(request.config.getoption("--full"))


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The working tree, committed: what the next release would be."""
    return services.snapshot(tmp_path_factory.mktemp("template"))


@pytest.fixture(scope="session")
def render(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """`render(ci="gitlab")` is a rendered service. It is shared: never write into it."""
    rendered: dict[str, Path] = {}

    def render(**answers: object) -> Path:
        key = json.dumps(answers, sort_keys=True)
        if key not in rendered:
            destination = tmp_path_factory.mktemp("rendered") / "my-service"
            rendered[key] = services.render(template, destination, **answers)
        return rendered[key]

    return render


@pytest.fixture
def service(template: Path, tmp_path: Path) -> Path:
    """A rendered service with default answers, the test's own."""
    return services.render(template, tmp_path / "my-service")


@pytest.fixture(scope="session")
def environment(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """The dependencies of a rendered service, installed once."""
    project = services.render(template, tmp_path_factory.mktemp("environment") / "my-service")
    subprocess.run([os.environ.get("UV", "uv"), "sync", "--quiet"], cwd=project, check=True)
    return Environment(project / ".venv", project / "uv.lock")
