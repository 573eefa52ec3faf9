"""Clients of a service under test: on plain sockets, so that they can misbehave too."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from uuid import uuid4

DEADLINE_SECONDS = 60  # of what is expected in a second or two


@dataclass(frozen=True)
class Answer:
    """What became of a request. Moments are those of `time.monotonic`."""

    method: str
    path: str
    name: str | None  # that the request wanted to write
    status: int | None  # None: the connection was cut
    headers: dict[str, str]
    body: bytes
    began: float
    ended: float

    @property
    def seconds(self) -> float:
        return self.ended - self.began

    @property
    def ok(self) -> bool:
        return self.status is not None and self.status < 300

    @property
    def detail(self) -> str | None:
        """The sentence of a problem."""
        detail: str | None = json.loads(self.body).get("detail")
        return detail

    @property
    def is_unavailable(self) -> bool:
        """A 503 as the error policy has it."""
        return (
            self.status == 503
            and self.headers.get("content-type") == "application/problem+json"
            and self.headers.get("retry-after") == "1"
            and json.loads(self.body)["status"] == 503
        )

    def __str__(self) -> str:
        return f"{self.method} {self.path}: {self.status} {self.body[:200]!r} {self.seconds:.2f} s"


def head(method: str, path: str, length: int = 0, *, more: str = "") -> bytes:
    """Request line and headers, up to the empty line."""
    lines = [f"{method} {path} HTTP/1.1", "Host: service", "Content-Type: application/json"]
    return "\r\n".join([*lines, f"Content-Length: {length}{more}", "", ""]).encode()


async def read_answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body. Raises what a cut connection raises."""
    status_line, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[:-2]
    headers = {
        name.lower(): value for name, value in (line.split(": ", maxsplit=1) for line in lines)
    }
    if "chunked" in headers.get("transfer-encoding", ""):
        raise NotImplementedError("a chunked answer")
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return int(status_line.split()[1]), headers, body


class Client:
    """Sends one request at a time, on a connection that it keeps."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.writer: asyncio.StreamWriter | None = None

    async def request(
        self, method: str, path: str, body: object = None, *, more: str = ""
    ) -> Answer:
        """`more` are headers, each with a line break before it."""
        began = time.monotonic()
        status, headers, content = None, dict[str, str](), b""
        try:
            async with asyncio.timeout(DEADLINE_SECONDS):
                status, headers, content = await self._exchange(method, path, body, more)
        except TimeoutError:
            raise AssertionError(
                f"{method} {path} is not answered in {DEADLINE_SECONDS} s"
            ) from None
        except (OSError, asyncio.IncompleteReadError):
            await self.close()
        name = body.get("name") if isinstance(body, dict) else None
        return Answer(method, path, name, status, headers, content, began, time.monotonic())

    async def _exchange(
        self, method: str, path: str, body: object, more: str
    ) -> tuple[int, dict[str, str], bytes]:
        content = b"" if body is None else json.dumps(body).encode()
        if self.writer is None:
            self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.writer.write(head(method, path, len(content), more=more) + content)
        answer = await read_answer(self.reader)
        if answer[1].get("connection") == "close":
            await self.close()
        return answer

    async def close(self) -> None:
        if self.writer is not None:
            self.writer.close()
            with suppress(OSError):
                await self.writer.wait_closed()
            self.writer = None


async def ask(port: int, method: str, path: str, body: object = None, *, more: str = "") -> Answer:
    """One request on a connection of its own."""
    client = Client(port)
    try:
        return await client.request(method, path, body, more=more)
    finally:
        await client.close()


async def ask_at_once(
    count: int, port: int, method: str, path: str, body: object = None, *, more: str = ""
) -> list[Answer]:
    """The same request from so many clients at the same time."""
    return await asyncio.gather(*(ask(port, method, path, body, more=more) for _ in range(count)))


async def eventually(
    condition: Callable[[], bool | Awaitable[bool]], what: str, seconds: float = DEADLINE_SECONDS
) -> float:
    """Wait for the condition; the seconds it took."""
    began = time.monotonic()
    while True:
        result = condition()
        if result if isinstance(result, bool) else await result:
            return time.monotonic() - began
        assert time.monotonic() - began < seconds, f"After {seconds:g} s still not: {what}"
        await asyncio.sleep(0.01)


@dataclass
class Load:
    """Clients that write and read, each its next request after the answer to the one before."""

    port: int
    write: str
    read: str
    pause: float  # of somebody who thinks, or waits before the next attempt
    answers: list[Answer] = field(default_factory=list)
    stopped: asyncio.Event = field(default_factory=asyncio.Event)

    async def _client(self, method: str, path: str, first_pause: float) -> None:
        client = Client(self.port)
        await self._wait(first_pause)
        try:
            while not self.stopped.is_set():
                body = {"name": uuid4().hex} if method == "POST" else None
                self.answers.append(await client.request(method, path, body))
                await self._wait(self.pause)
        finally:
            await client.close()

    async def _wait(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self.stopped.wait(), seconds)

    async def until_served(self, count: int = 10) -> None:
        """Until so many writes, and reads, that began after this call have succeeded."""
        since = time.monotonic()
        await eventually(
            lambda: all(
                sum(a.ok and a.method == method and a.began > since for a in self.answers) >= count
                for method in ("POST", "GET")
            ),
            f"{count} reads and writes are answered",
        )

    async def until_answered(self, count: int = 10) -> None:
        """Until so many that began after this call have any answer."""
        since = time.monotonic()
        await eventually(
            lambda: sum(a.began > since for a in self.answers) >= count,
            f"{count} requests are answered",
        )

    @property
    def failed(self) -> list[Answer]:
        return [answer for answer in self.answers if not answer.ok]


@asynccontextmanager
async def load(
    port: int,
    *,
    clients: int = 8,
    write: str = "/items",
    read: str = "/items?limit=5",
    pause: float = 0.02,
) -> AsyncIterator[Load]:
    """Half of the clients write, half of them read, until the end of the block."""
    running = Load(port, write, read, pause)
    methods = [("POST", running.write), ("GET", running.read)] * (clients // 2)
    async with asyncio.TaskGroup() as group:
        for number, method in enumerate(methods):
            group.create_task(running._client(*method, pause * number / clients))
        try:
            yield running
        finally:
            running.stopped.set()


def check_writes(answers: Iterable[Answer], found: set[str]) -> dict[str, int]:
    """Every accepted write is found, and every write that is found was accepted or in doubt."""
    writes = [answer for answer in answers if answer.method == "POST"]
    accepted = {str(answer.name) for answer in writes if answer.ok}
    in_doubt = {str(answer.name) for answer in writes if answer.status in (503, None)}
    assert accepted - found == set(), "Writes that were acknowledged are lost."
    assert found - accepted - in_doubt == set(), "Writes that were refused are found."
    return {
        "accepted": len(accepted),
        "in doubt": len(in_doubt),
        "in doubt and found": len(in_doubt & found),
        "lost": len(accepted - found),
    }


def percentile(values: Iterable[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]
