"""A service with telemetry, on a Postgres that the tests may do anything to."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.faults.conftest import database, migrated_server, pooler, postgres, release, serve
from tests.faults.production import Production
from tests.support.services import render
from tests.support.serving import clean_environment

__all__ = ["database", "migrated_server", "pooler", "postgres", "release", "serve"]


@pytest.fixture(scope="session")
def production(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Production:
    """With telemetry."""
    place = tmp_path_factory.mktemp("telemetry") / "my-service"
    folder = render(template, place, telemetry=True)
    sync = [os.environ.get("UV", "uv"), "sync", "--quiet", "--no-dev"]
    subprocess.run(sync, cwd=folder, check=True, env=clean_environment())
    return Production(folder)
