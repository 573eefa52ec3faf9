"""A shutdown that loses no request: report "not ready" first, stop accepting connections later."""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from app.server.state import ServiceState


@contextmanager
def drain_on_sigterm(state: ServiceState, *, delay_seconds: float) -> Iterator[None]:
    """On SIGTERM set `state.draining`; stop the server, with exit code 0, after `delay_seconds`.

    By itself uvicorn closes its sockets at once, while the load balancer goes on sending requests
    until a probe has failed.

    | signal                 | what happens                                                      |
    |------------------------|-------------------------------------------------------------------|
    | first SIGTERM          | not ready at once; uvicorn stops, gracefully, after the delay     |
    | second SIGTERM         | uvicorn stops at once, without waiting for requests               |
    | SIGINT (Ctrl-C)        | uvicorn's own handler, no delay                                   |
    | SIGTERM after a SIGINT | ignored: uvicorn's reloader sends it to its child after a Ctrl-C  |
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
        if interrupted:
            return
        # uvicorn ends with the signal it was given, and with exit code 0 only after SIGINT.
        if state.draining:  # SIGINT twice: uvicorn stops without waiting
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
