"""The development container: what its file says, short of an engine that starts it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.commands import run

pytestmark = pytest.mark.slow

Render = Callable[..., Path]
FILE = ".devcontainer/devcontainer.json"


def test_the_development_container_needs_no_second_one_and_no_docker_in_it(render: Render) -> None:
    told = json.loads((render() / FILE).read_text())

    # Features, mounts, `runArgs` and compose files would bring Docker or another Postgres.
    assert set(told) == {"image", "postCreateCommand"}


def test_the_development_container_installs_the_packages_before_there_is_a_lock_file(
    service: Path,
) -> None:
    command = json.loads((service / FILE).read_text())["postCreateCommand"]
    (service / "uv.lock").unlink(missing_ok=True)

    done = run("bash", "-c", command, cwd=service)

    assert (done.returncode, (service / "uv.lock").is_file()) == (0, True), done.stderr
    assert (service / ".venv/bin/pytest").is_file()


def test_a_service_without_containers_has_no_development_container(render: Render) -> None:
    assert not (render(container=False) / ".devcontainer").exists()
