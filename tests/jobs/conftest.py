"""A service with jobs, and an environment with what it needs."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.services import Environment


@pytest.fixture(scope="session")
def environment_of_jobs(
    render: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> Environment:
    project = Path(shutil.copytree(render(jobs=True), tmp_path_factory.mktemp("jobs") / "service"))
    sync = [os.environ.get("UV", "uv"), "sync", "--quiet", "--compile-bytecode"]
    subprocess.run(sync, cwd=project, check=True)
    return Environment(project / ".venv", project / "uv.lock")


@pytest.fixture
def service_with_jobs(render: Callable[..., Path], tmp_path: Path) -> Path:
    """The test's own."""
    return Path(shutil.copytree(render(jobs=True), tmp_path / "my-service"))
