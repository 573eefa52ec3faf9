"""A shutdown that loses no request: say "not ready" first, stop listening a little later."""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from starlette.datastructures import State


@contextmanager
def drain_on_sigterm(state: State, *, delay_seconds: float) -> Iterator[None]:
    """On SIGTERM set `state.draining`, and have the server stop, with exit code 0, after a delay.

    uvicorn closes its sockets at once, while the load balancer goes on sending requests until it
    has seen a probe fail. A second SIGTERM stops at once. Ctrl-C (SIGINT) is never delayed.
    """
    stop, interrupt = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    if not callable(stop) or not callable(interrupt):  # no server around us: a test, or a script
        yield
        return
    loop = asyncio.get_running_loop()
    interrupted = False

    def on_sigint(number: int, frame: FrameType | None) -> None:
        nonlocal interrupted
        interrupted = True
        interrupt(number, frame)

    def on_sigterm(_: int, frame: FrameType | None) -> None:
        if interrupted:  # by Ctrl-C, of which uvicorn's reloader tells its child once more
            return
        # uvicorn ends with the signal that it was given, and with 0 only after SIGINT.
        if state.draining:  # a second one: SIGINT twice stops without waiting for anybody
            stop(signal.SIGINT, frame)
            stop(signal.SIGINT, frame)
        elif delay_seconds:
            loop.call_soon_threadsafe(loop.call_later, delay_seconds, stop, signal.SIGINT, frame)
        else:
            stop(signal.SIGINT, frame)
        state.draining = True

    signal.signal(signal.SIGTERM, on_sigterm)
    signal.signal(signal.SIGINT, on_sigint)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, interrupt)
