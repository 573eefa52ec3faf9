"""A shutdown that loses no request: report "not ready" first, stop accepting connections later."""

import asyncio
import math
import multiprocessing
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from app.server.state import ServiceState

SECONDS_OF_ONE_STOP = 2


@contextmanager
def drain_on_sigterm(state: ServiceState, *, delay_seconds: float) -> Iterator[None]:
    """On SIGTERM set `state.draining`; stop the server, with exit code 0, after `delay_seconds`.

    By itself uvicorn closes its sockets at once, while the load balancer goes on sending requests
    until a probe has failed.

    | signal                 | what happens                                                      |
    |------------------------|-------------------------------------------------------------------|
    | first SIGTERM          | not ready at once; uvicorn stops, gracefully, after the delay     |
    | second SIGTERM         | uvicorn stops at once, without waiting for requests               |
    | the same in a worker   | ignored within 2 s: systemd and uvicorn's parent send one each    |
    | SIGINT (Ctrl-C)        | not ready at once; uvicorn's own handler, no delay                |
    | SIGTERM after a SIGINT | ignored: uvicorn's reloader sends it to its child after a Ctrl-C  |
    | uvicorn's parent dies  | uvicorn stops, gracefully: no worker keeps the port               |
    """
    stop, interrupt = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    if not callable(stop) or not callable(interrupt):  # no server around us: a test, or a script
        yield
        return
    loop, parent, interrupted = asyncio.get_running_loop(), multiprocessing.parent_process(), False
    told_at = -math.inf

    def on_orphaned(sentinel: int) -> None:
        loop.remove_reader(sentinel)
        state.draining = True
        stop(signal.SIGINT, None)

    def on_sigint(number: int, frame: FrameType | None) -> None:
        nonlocal interrupted
        interrupted = state.draining = True
        interrupt(number, frame)

    def on_sigterm(_: int, frame: FrameType | None) -> None:
        nonlocal told_at
        if interrupted or (parent and loop.time() - told_at < SECONDS_OF_ONE_STOP):
            return
        told_at = loop.time()
        # uvicorn ends with the signal it was given, and with exit code 0 only after SIGINT.
        if state.draining:  # SIGINT twice: uvicorn stops without waiting
            stop(signal.SIGINT, frame)
            stop(signal.SIGINT, frame)
        elif delay_seconds:
            loop.call_soon_threadsafe(loop.call_later, delay_seconds, stop, signal.SIGINT, frame)
        else:
            stop(signal.SIGINT, frame)
        state.draining = True

    if parent:
        loop.add_reader(parent.sentinel, on_orphaned, parent.sentinel)
    signal.signal(signal.SIGTERM, on_sigterm)
    signal.signal(signal.SIGINT, on_sigint)
    try:
        yield
    finally:
        if parent:
            loop.remove_reader(parent.sentinel)
        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, interrupt)
