"""Liveness for the platform, on a port of its own: the process answers, so its loop runs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

ANSWER = b'HTTP/1.1 200 OK\r\nContent-Length: 15\r\nConnection: close\r\n\r\n{"status":"ok"}'
SECONDS_TO_ASK = 2


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError):
        async with asyncio.timeout(SECONDS_TO_ASK):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(ANSWER)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def answer_probes(port: int) -> AsyncIterator[None]:
    """Answer every request with 200. A database that is away is no reason for a restart."""
    server = await asyncio.start_server(_answer, "", port)
    try:
        yield
    finally:
        server.close()
