"""What dev/__init__.py says about a killed keeper, a killed Postgres, and the locks."""

import contextlib
import fcntl
import os
import shutil
import signal
from pathlib import Path

import pytest

from tests.dev.conftest import Service, until

pytestmark = pytest.mark.slow


def is_free(lock: Path) -> bool:
    with lock.open("a") as file, contextlib.suppress(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


def test_data_that_a_server_out_of_reach_uses_is_not_opened(service: Service) -> None:
    held = service.hold_development()
    shutil.rmtree(held.folder)  # as if it was in a container

    refused = service.run("-m", "dev.run", "true")

    assert (refused.returncode, refused.stderr) == (
        1,
        f"Another Postgres, out of reach (in a container?), uses {held.data}. Stop it first.\n",
    )
    held.leave()


def test_a_server_ends_with_its_keeper_that_is_killed_and_the_data_is_kept(
    service: Service,
) -> None:
    first = service.hold_development()
    service.sql(first.url, "create table t as select 7 as n")

    os.kill(first.keeper, signal.SIGKILL)
    until(lambda: first.traces() == [], "Postgres, keeper and folder gone")
    until(lambda: is_free(first.data.with_name("lock-data")), "every process of Postgres gone")
    first.leave()
    second = service.hold_development()

    assert service.sql(second.url, "select n from t") == "7"
    second.leave()


def test_a_keeper_that_is_killed_leaves_nothing_of_a_throw_away_server(service: Service) -> None:
    held = service.hold_temporary()

    os.kill(held.keeper, signal.SIGKILL)

    until(lambda: held.traces() == [], "Postgres, keeper and data gone")
    held.leave()


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
