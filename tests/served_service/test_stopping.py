"""How a service ends when it is told to, and when it is killed."""

import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.served_service.conftest import COMMANDS, Serve, create, server_of
from tests.support import serving

pytestmark = pytest.mark.slow
DRAIN_SECONDS = 5  # where nothing is set


def test_a_name_is_not_lost_when_it_was_answered(serve: Serve, migrated: Callable[[], str]) -> None:
    url = migrated()

    with serve("uvicorn", POSTGRES_URL=url) as served:
        served.wait_until_it_answers("/health/ready")
        item = create(served, "lamp")
        served.process.kill()

    assert serving.sql(url, "SELECT id::text, name FROM public.item") == [(item["id"], "lamp")]


@pytest.mark.parametrize("command", COMMANDS)
def test_on_sigterm_a_service_drains_and_ends_with_0(
    serve: Serve, migrated: Callable[[], str], command: str
) -> None:
    with serve(command, POSTGRES_URL=migrated()) as served:
        served.wait_until_it_answers("/health/ready")
        told = time.monotonic()
        subprocess.run(["kill", "-TERM", str(server_of(served))], check=True)

        served.wait_until_it_answers("/health/ready", 503)
        item = create(served, "lamp")
        probe = served.get("/health/ready")
        answered_after = time.monotonic() - told
        code, ended_after = served.wait(), time.monotonic() - told

        assert (probe.status_code, probe.json()["detail"]) == (503, "The service is shutting down.")
        assert item["name"] == "lamp"
        assert answered_after < DRAIN_SECONDS < ended_after
        assert (code, served.left()) == (0, [])


@pytest.mark.parametrize("command", COMMANDS)
def test_without_drain_a_service_ends_at_once_with_0(
    serve: Serve, migrated: Callable[[], str], command: str
) -> None:
    with serve(command, POSTGRES_URL=migrated(), SHUTDOWN_DRAIN_SECONDS="0") as served:
        served.wait_until_it_answers("/health/ready")
        told = time.monotonic()
        subprocess.run(["kill", "-TERM", str(server_of(served))], check=True)
        code, ended_after = served.wait(), time.monotonic() - told

        assert ended_after < DRAIN_SECONDS
        assert (code, served.left()) == (0, [])


@pytest.mark.parametrize("imported", ["fastapi", "sqlalchemy", "app.server.shutdown"])
def test_a_sigterm_before_start_up_is_complete_ends_a_service_with_0(
    serve: Serve, migrated: Callable[[], str], imported: str
) -> None:
    variables = {"PYTHONPROFILEIMPORTTIME": "1", "SHUTDOWN_DRAIN_SECONDS": "0"}
    with serve("uvicorn", POSTGRES_URL=migrated(), **variables) as served:
        line = re.compile(rf"\| +{imported}$", re.MULTILINE)  # of each module that is imported
        serving.until(lambda: line.search(served.said), f"{imported} is imported")
        served.process.send_signal(signal.SIGTERM)

        assert served.wait() == 0


def test_a_sigterm_before_start_up_is_complete_cannot_be_caught(production: Path) -> None:
    """As pydantic catches what is raised while it builds a validator."""
    code = """
import os, signal, sys
sys.argv[0] = "uvicorn"
import app
try:
    signal.raise_signal(signal.SIGTERM)
except BaseException:
    pass
raise SystemExit("The signal was caught.")
"""
    python = production / ".venv/bin/python"

    ended = subprocess.run([python, "-c", code], cwd=production, capture_output=True, check=False)

    assert (ended.returncode, ended.stderr) == (0, b"")


def test_workers_end_when_their_parent_is_killed(serve: Serve, migrated: Callable[[], str]) -> None:
    with serve("two workers", POSTGRES_URL=migrated()) as served:
        served.wait_until_it_answers("/health/ready")
        served.process.kill()
        served.wait()

        assert served.left() == []
        with socket.create_server(("127.0.0.1", served.port)):  # the next one can have the port
            pass


def test_a_worker_that_is_killed_is_replaced(serve: Serve, migrated: Callable[[], str]) -> None:
    with serve("two workers", POSTGRES_URL=migrated()) as served:
        served.wait_until_it_answers("/health/ready")
        worker = serving.children(served.process.pid)[-1]
        os.kill(worker, signal.SIGKILL)

        def is_replaced() -> bool:
            found = serving.children(served.process.pid)
            return worker not in found and len(found) == 3  # two, and multiprocessing's tracker

        serving.until(is_replaced, "another worker runs")
        assert served.get("/items").status_code == 200


def test_workers_drain_when_the_whole_process_group_is_told_to_stop(
    serve: Serve, migrated: Callable[[], str]
) -> None:
    """As systemd does it; uvicorn's parent process tells its workers once more."""
    with serve("two workers", POSTGRES_URL=migrated()) as served:
        served.wait_until_it_answers("/health/ready")
        told = time.monotonic()
        os.killpg(served.process.pid, signal.SIGTERM)

        served.wait_until_it_answers("/health/ready", 503)
        item = create(served, "lamp")
        code, ended_after = served.wait(), time.monotonic() - told

        assert item["name"] == "lamp"
        assert ended_after > DRAIN_SECONDS
        assert (code, served.left()) == (0, [])


def test_a_second_sigterm_stops_at_once(serve: Serve, migrated: Callable[[], str]) -> None:
    with serve("uvicorn", POSTGRES_URL=migrated()) as served:
        served.wait_until_it_answers("/health/ready")
        told = time.monotonic()
        served.process.send_signal(signal.SIGTERM)
        served.wait_until_it_answers("/health/ready", 503)
        served.process.send_signal(signal.SIGTERM)
        code, ended_after = served.wait(), time.monotonic() - told

        assert ended_after < DRAIN_SECONDS
        assert (code, served.left()) == (0, [])
