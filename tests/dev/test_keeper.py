"""What dev/__init__.py says about a killed keeper, a killed Postgres, and the locks."""

import contextlib
import fcntl
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.dev.conftest import Held, Service, is_alive, until

pytestmark = pytest.mark.slow


def is_free(lock: Path) -> bool:
    with lock.open("a") as file, contextlib.suppress(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


@pytest.fixture
def orphan(service: Service) -> Iterator[Held]:
    """A server whose keeper was killed, and whose owner has left."""
    held = service.hold_development()
    os.kill(held.keeper, signal.SIGKILL)
    held.leave()
    yield held
    os.kill(held.postmaster, signal.SIGINT)
    until(lambda: not is_alive(held.postmaster), "Postgres gone")
    shutil.rmtree(held.folder, ignore_errors=True)


def test_a_server_without_its_keeper_is_joined_and_stays(service: Service, orphan: Held) -> None:
    joined = service.hold_development()
    answer = service.sql(joined.url, "select 1")
    joined.leave()

    assert (joined.url, answer, is_alive(orphan.postmaster)) == (orphan.url, "1", True)


def test_data_that_a_server_out_of_reach_uses_is_not_opened(service: Service, orphan: Held) -> None:
    shutil.rmtree(orphan.folder)

    refused = service.run("-m", "dev.run", "true")

    assert (refused.returncode, refused.stderr) == (
        1,
        f"Another Postgres, out of reach (in a container?), uses {orphan.data}. Stop it first.\n",
    )


def test_a_keeper_ends_with_its_server_and_the_data_is_recovered(service: Service) -> None:
    first = service.hold_development()
    service.sql(first.url, "create table t as select 7 as n")

    os.kill(first.postmaster, signal.SIGKILL)
    until(lambda: first.traces() == [], "keeper and folder gone")
    until(lambda: is_free(first.data.with_name("lock-data")), "every process of Postgres gone")
    second = service.hold_development()

    assert service.sql(second.url, "select n from t") == "7"
    second.leave()
    first.process.communicate()
