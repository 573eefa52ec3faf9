"""Refuses bodies that are too large (413) or arrive too slowly (408). Plain ASGI."""

import asyncio
import time

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.core.errors import problem_response


class BodyLimits:
    """Limits the size of a body, in bytes, and the time until it has arrived."""

    def __init__(self, app: ASGIApp, *, max_bytes: int, timeout_seconds: float) -> None:
        self.app = app
        self.max_bytes = max_bytes
        self.timeout_seconds = timeout_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        length = Headers(scope=scope).get("content-length", "")
        if length.isdecimal() and int(length) > self.max_bytes:
            response = problem_response(413, self.too_large)
            await response(scope, receive, send)
            return
        await self.app(scope, self._limited(receive), send)

    @property
    def too_large(self) -> str:
        return f"The body must not be larger than {self.max_bytes} bytes."

    def _limited(self, receive: Receive) -> Receive:
        deadline = time.monotonic() + self.timeout_seconds
        received = 0
        complete = False

        async def limited_receive() -> Message:
            nonlocal received, complete
            if complete:  # the next message is the disconnect, which may come at any time
                return await receive()
            try:
                message = await asyncio.wait_for(receive(), deadline - time.monotonic())
            except TimeoutError:
                sentence = f"The body must arrive within {self.timeout_seconds:g} seconds."
                raise HTTPException(408, sentence) from None
            received += len(message.get("body", b""))
            complete = not message.get("more_body", False)
            if received > self.max_bytes:
                raise HTTPException(413, self.too_large)
            return message

        return limited_receive
