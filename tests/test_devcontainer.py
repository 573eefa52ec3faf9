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


def test_what_the_development_container_runs_installs_the_packages(render: Render) -> None:
    service = render()
    command = json.loads((service / FILE).read_text())["postCreateCommand"]

    printed = run("bash", "-c", f"{command} --dry-run", cwd=service)

    assert printed.returncode == 0
    assert printed.stdout.rstrip().endswith("uv sync --locked")


def test_a_service_without_containers_has_no_development_container(render: Render) -> None:
    assert not (render(container=False) / ".devcontainer").exists()
