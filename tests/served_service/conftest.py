"""A service that really runs: installed as for production, migrated, served."""

import shlex
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.support import serving
from tests.support.serving import Served, clean_environment, free_port

COMMANDS = {
    "make serve": "make serve PORT={port} HOST=127.0.0.1",
    "uvicorn": ".venv/bin/python -m uvicorn app.main:app --port {port}",
    "two workers": ".venv/bin/python -m uvicorn app.main:app --port {port} --workers 2",
}
Serve = Callable[..., AbstractContextManager[Served]]


@pytest.fixture(scope="session")
def production(install: Callable[..., Path]) -> Path:
    """A service with what it needs in production, and nothing else. Never write into it."""
    return install("--no-dev")


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    with serving.temporary_server() as url:
        yield url


@pytest.fixture(scope="session")
def migrated(production: Path, server_url: str) -> Callable[[], str]:
    """`migrated()` is the URL of a new database with the service's tables."""
    template = serving.new_database(server_url)
    variables = clean_environment(ENVIRONMENT="production", POSTGRES_URL=template)
    command = [".venv/bin/alembic", "upgrade", "head"]
    subprocess.run(command, cwd=production, env=variables, check=True, capture_output=True)
    return lambda: serving.new_database(server_url, urlsplit(template).path[1:])


@pytest.fixture(scope="session")
def serve(production: Path, tmp_path_factory: pytest.TempPathFactory) -> Serve:
    """`with serve("uvicorn", POSTGRES_URL=url) as served: ...`"""
    logs = tmp_path_factory.mktemp("logs")

    @contextmanager
    def serve(command: str, **variables: str) -> Iterator[Served]:
        port = free_port()
        words = shlex.split(COMMANDS[command].format(port=port))
        settings = clean_environment(**{"ENVIRONMENT": "production"} | variables)
        with serving.serving(words, production, settings, port, logs) as served:
            yield served

    return serve


@pytest.fixture(scope="session", params=COMMANDS)
def served(
    request: pytest.FixtureRequest, serve: Serve, migrated: Callable[[], str]
) -> Iterator[Served]:
    """A service that is ready. Shared: a test uses names of its own."""
    with serve(request.param, POSTGRES_URL=migrated()) as served:
        served.wait_until_it_answers("/health/ready")
        yield served


def create(served: Served, name: str) -> dict[str, Any]:
    response = served.request("POST", "/items", json={"name": name})
    assert response.status_code == 201, response.text
    item: dict[str, Any] = response.json()
    return item


def server_of(served: Served) -> int:
    """The process that a supervisor would tell to stop: make passes no signal on in time."""
    if "make" not in str(served.process.args):
        return served.process.pid
    listed = subprocess.run(
        ["ps", "-eww", "-o", "pid=,ppid=,pgid=,args="], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    rows = [line.split(maxsplit=3) for line in listed]
    pythons = {
        pid: parent
        for pid, parent, group, command in rows
        if group == str(served.process.pid) and "python" in command.split()[0]
    }
    [pid] = [pid for pid, parent in pythons.items() if parent not in pythons]  # no worker
    return int(pid)
