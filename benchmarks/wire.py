"""Counts the round trips between a service and its Postgres."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import parse_qs, urlsplit

SOCKET = ".s.PGSQL.5432"


class Wire:
    """A proxy socket in front of the server's."""

    def __init__(self, url: str, folder: str) -> None:
        parts = urlsplit(url)
        self.server = f"{parse_qs(parts.query)['host'][0]}/{SOCKET}"
        self.url = parts._replace(query=f"host={folder}&port=5432").geturl()
        self.round_trips = 0
        self.loop = asyncio.new_event_loop()
        self.listening = threading.Event()
        self.socket = Path(folder, SOCKET)

    def run(self) -> None:
        self.loop.run_until_complete(asyncio.start_unix_server(self.connect, self.socket))
        self.loop.call_soon(self.listening.set)
        self.loop.run_forever()

    async def connect(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        server, to_server = await asyncio.open_unix_connection(self.server)
        answered = asyncio.Event()
        answered.set()

        async def ask() -> None:
            while data := await client.read(65536):
                self.round_trips += answered.is_set()  # data sent before the answer costs none
                answered.clear()
                to_server.write(data)
            to_server.close()

        async def answer() -> None:
            while data := await server.read(65536):
                answered.set()
                to_client.write(data)
            to_client.close()

        await asyncio.gather(ask(), answer(), return_exceptions=True)


@contextmanager
def counting(url: str) -> Iterator[Wire]:
    """A proxy of the same database that counts round trips."""
    with TemporaryDirectory(prefix="wire-") as folder:
        wire = Wire(url, folder)
        threading.Thread(target=wire.run, daemon=True).start()
        wire.listening.wait()
        yield wire
        wire.loop.call_soon_threadsafe(wire.loop.stop)
