import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from fleet.resource.project import Project


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
