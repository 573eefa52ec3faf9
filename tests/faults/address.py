"""An address of Postgres that is moved from one server to another, as by a failover."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from tests.faults.postgres import FaultyPostgres
from tests.support.serving import free_port


class Address:
    """Forwards each new connection to the server that it leads to."""

    def __init__(self, server: FaultyPostgres) -> None:
        self.server = server
        self.port = free_port()
        self.accepted = 0
        self.clients: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    def url(self, database: str) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    async def move(self, server: FaultyPostgres, *, cut: bool) -> None:
        """Lead new connections to the server. Those that are open end only if they are cut."""
        self.server = server
        if cut:
            await self.cut()

    async def cut(self) -> None:
        for writer in self.clients.values():
            writer.transport.abort()
        await asyncio.gather(*self.clients)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        async with await asyncio.start_server(self._serve, "127.0.0.1", self.port):
            try:
                yield
            finally:
                await self.cut()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        task = asyncio.current_task()
        assert task
        self.clients[task] = writer
        try:
            with suppress(OSError):
                server = await asyncio.open_connection("127.0.0.1", self.server.port)
                await asyncio.gather(_copy(reader, server[1]), _copy(server[0], writer))
        finally:
            writer.close()
            del self.clients[task]


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while chunk := await reader.read(65536):
            writer.write(chunk)
            await writer.drain()
    writer.close()
