import asyncio
import multiprocessing
import os
import signal
from collections.abc import Iterator
from types import SimpleNamespace
from typing import BinaryIO

import pytest

from app.server import shutdown
from app.server.readiness import Readiness
from app.server.shutdown import drain_on_sigterm
from app.server.state import ServiceState


class Server:
    """Stands in for uvicorn: notes the signals that it handles."""

    def __init__(self) -> None:
        self.received: list[int] = []
        self.stopped = asyncio.Event()

    def handle(self, number: int, _: object) -> None:
        self.received.append(number)
        self.stopped.set()


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    before = {
        number: signal.signal(number, server.handle) for number in (signal.SIGTERM, signal.SIGINT)
    }
    yield server
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def state() -> ServiceState:
    return ServiceState(Readiness(timeout_seconds=1))


@pytest.fixture
def parent(monkeypatch: pytest.MonkeyPatch) -> Iterator[BinaryIO]:
    """A parent process, which is gone when this is closed."""
    reading, writing = os.pipe()
    with open(reading, "rb") as sentinel, open(writing, "wb") as end:  # noqa: PTH123
        parent = SimpleNamespace(sentinel=sentinel.fileno())
        monkeypatch.setattr(multiprocessing, "parent_process", lambda: parent)
        yield end


async def test_the_service_is_not_ready_at_once_and_stops_after_the_delay(
    server: Server, state: ServiceState
) -> None:
    with drain_on_sigterm(state, delay_seconds=0.01):
        signal.raise_signal(signal.SIGTERM)
        before_the_delay = (state.draining, list(server.received))
        async with asyncio.timeout(5):
            await server.stopped.wait()

    assert before_the_delay == (True, [])
    assert server.received == [signal.SIGINT]  # after which uvicorn exits with 0


async def test_without_a_delay_the_service_stops_at_once(
    server: Server, state: ServiceState
) -> None:
    with drain_on_sigterm(state, delay_seconds=0):
        signal.raise_signal(signal.SIGTERM)

    assert (state.draining, server.received) == (True, [signal.SIGINT])


async def test_a_second_sigterm_does_not_wait(server: Server, state: ServiceState) -> None:
    with drain_on_sigterm(state, delay_seconds=3600):
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)

    assert server.received == [signal.SIGINT, signal.SIGINT]


async def test_a_worker_takes_two_sigterms_at_once_for_one(
    server: Server, state: ServiceState, parent: BinaryIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    with drain_on_sigterm(state, delay_seconds=3600):
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)
        at_once = list(server.received)
        monkeypatch.setattr(shutdown, "SECONDS_OF_ONE_STOP", 0)
        signal.raise_signal(signal.SIGTERM)

    assert (at_once, server.received) == ([], [signal.SIGINT, signal.SIGINT])


async def test_ctrl_c_is_never_delayed(server: Server, state: ServiceState) -> None:
    with drain_on_sigterm(state, delay_seconds=3600):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGTERM)  # the reloader's, which changes nothing

    assert (state.draining, server.received) == (True, [signal.SIGINT])


async def test_a_worker_stops_gracefully_when_its_parent_is_gone(
    server: Server, state: ServiceState, parent: BinaryIO
) -> None:
    with drain_on_sigterm(state, delay_seconds=3600):
        parent.close()
        async with asyncio.timeout(5):
            await server.stopped.wait()
        await asyncio.sleep(0)  # a second SIGINT would not wait for requests

    assert (state.draining, server.received) == (True, [signal.SIGINT])


async def test_the_handlers_of_the_server_come_back(server: Server, state: ServiceState) -> None:
    with drain_on_sigterm(state, delay_seconds=0):
        pass

    handlers = (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT))
    assert handlers == (server.handle, server.handle)


async def test_without_a_server_nothing_is_installed(state: ServiceState) -> None:
    before = signal.getsignal(signal.SIGTERM)

    with drain_on_sigterm(state, delay_seconds=0):
        assert signal.getsignal(signal.SIGTERM) is before
