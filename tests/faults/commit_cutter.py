"""Between a service and its Postgres: cuts connections at the one moment that leaves a doubt."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from random import Random

from tests.faults.postgres import FaultyPostgres
from tests.support.serving import free_port

COMMIT = b"COMMIT;\0"  # as asyncpg sends it
# What becomes of a COMMIT: it passes, or the connection is cut before it reaches Postgres, when
# Postgres has answered it, or right behind it.
WAYS = ("pass", "pass", "before", "after", "behind")


class CommitCutter:
    def __init__(self, server: FaultyPostgres) -> None:
        self.server = server
        self.port = free_port()
        self.chance = Random(7)  # the same in each run
        self.commits: Counter[str] = Counter()
        self.clients: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    def url(self, database: str) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        async with await asyncio.start_server(self._serve, "127.0.0.1", self.port):
            try:
                yield
            finally:
                for writer in self.clients.values():
                    writer.transport.abort()
                await asyncio.gather(*self.clients)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self.clients[task] = writer
        try:
            with suppress(OSError):
                server, to_server = await asyncio.open_connection("127.0.0.1", self.server.port)
                try:
                    await self._forward(reader, writer, server, to_server)
                finally:
                    to_server.close()
        finally:
            writer.transport.abort()
            del self.clients[task]

    async def _forward(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        server: asyncio.StreamReader,
        to_server: asyncio.StreamWriter,
    ) -> None:
        answers = asyncio.create_task(_copy(server, writer))
        try:
            while chunk := await reader.read(65536):
                way = self.chance.choice(WAYS) if COMMIT in chunk else ""
                self.commits[way] += 1
                if way == "before":
                    return
                if way == "after":
                    answers.cancel()
                    await asyncio.gather(answers, return_exceptions=True)
                to_server.write(chunk)
                await to_server.drain()
                if way == "after":
                    await server.read(1)
                    return
                if way == "behind":  # the client may be back before Postgres has committed
                    writer.transport.abort()
                    to_server.write_eof()
                    await answers
                    return
        finally:
            answers.cancel()
            await asyncio.gather(answers, return_exceptions=True)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while chunk := await reader.read(65536):
            writer.write(chunk)
            await writer.drain()
    writer.close()
