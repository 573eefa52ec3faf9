"""Limits of a request: its time, and the encoding of its body. Plain ASGI.

Starlette's middleware inside limits host and size: its plain texts become problems here.
"""

import asyncio
import math

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware.body_limit import MAX_BODY_SIZE_SCOPE_KEY
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.core.errors import UnavailableError, problem_response
from app.server.error_handlers import too_large


async def refuse_large_body(request: HTTPConnection) -> None:
    """A dependency of every route: a handler that reads no body does not work in vain."""
    length = request.headers.get("content-length", "0")
    limit = request.scope.get(MAX_BODY_SIZE_SCOPE_KEY, math.inf)
    if length.isdecimal() and int(length) > limit:
        raise HTTPException(413)


class RequestLimits:
    """Limits the seconds until the body has arrived (408), and until the response begins (503)."""

    def __init__(self, app: ASGIApp, *, body_seconds: float, seconds: float) -> None:
        self.app = app
        self.body_seconds = body_seconds
        self.seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if headers.get("content-encoding", "identity") != "identity":
            sentence = "The body must not be compressed."
            raise HTTPException(415, sentence, headers={"Accept-Encoding": "identity"})

        replaced = False

        async def send_in_time(message: Message) -> None:
            nonlocal replaced
            if not timeout.expired():
                timeout.reschedule(None)  # a response may stream as long as it wants
            if detail := _plain_error(scope, message):
                replaced = True
                await problem_response(message["status"], detail)(scope, receive, send)
            elif not replaced:
                await send(message)

        try:
            async with asyncio.timeout(self.seconds) as timeout:
                await self.app(scope, self._limited(receive, headers), send_in_time)
        except TimeoutError as error:
            if not timeout.expired():
                raise
            raise UnavailableError(f"This took more than {self.seconds:g} seconds.") from error

    def _limited(self, receive: Receive, headers: Headers) -> Receive:
        deadline = asyncio.get_running_loop().time() + self.body_seconds
        is_json = "json" in headers.get("content-type", "")
        beginning = b""
        complete = False

        async def limited_receive() -> Message:
            nonlocal beginning, complete
            if complete:  # the next message is the disconnect, which may come at any time
                return await receive()
            try:
                async with asyncio.timeout_at(deadline):
                    message = await receive()
            except TimeoutError:
                sentence = f"The body must arrive within {self.body_seconds:g} seconds."
                raise HTTPException(408, sentence) from None
            beginning = (beginning + message.get("body", b"")[:4])[:4]
            complete = not message.get("more_body", False)
            if is_json and b"\0" in beginning:  # as it is in UTF-16 and UTF-32
                raise HTTPException(415, "JSON must be UTF-8.")
            return message

        return limited_receive


def _plain_error(scope: Scope, message: Message) -> str | None:
    """The sentence for an error in plain text of Starlette's; None for any other message."""
    if message.get("status") not in (400, 413):
        return None
    if not Headers(raw=message["headers"]).get("content-type", "").startswith("text/plain"):
        return None
    if message["status"] == 413:
        return too_large(scope)
    return None if "endpoint" in scope else "This host is not served here."
