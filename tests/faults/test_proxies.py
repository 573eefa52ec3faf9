"""What the service itself cannot bound is cut by the proxy in front of it."""

import asyncio
import contextlib
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.client import ask, ask_at_once, eventually, head, read_answer
from tests.faults.conftest import Serve
from tests.faults.production import Service
from tests.faults.proxies import PROXIES, proxied
from tests.support.figures import figure
from tests.support.serving import Served

pytestmark = [pytest.mark.slow, pytest.mark.system]

SECONDS = 2  # each limit of the proxy, here
HEADERS = b"GET /items HTTP/1.1\r\nHost: service\r\nX-Endless: "
CHUNK = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
ESTABLISHED = "01"


@dataclass(frozen=True)
class Front:
    """A proxy, and the service behind it, whose own limits are far away."""

    name: str
    served: Served
    service: Service

    @property
    def port(self) -> int:
        return self.served.port

    @property
    def passed(self) -> list[str]:
        """The requests that the service has seen, but for probes."""
        lines = [line for line in self.service.log if line["event"] == "request"]
        return [f"{line['method']} {line['route']}" for line in lines]


@pytest.fixture(params=PROXIES)
def front(request: pytest.FixtureRequest, serve: Serve, tmp_path: Path) -> Iterator[Front]:
    service = serve(max_body_bytes=10**9, body_timeout_seconds=600)
    folder = tmp_path / "proxy"
    folder.mkdir()
    with proxied(request.param, folder, service.port, SECONDS) as served:
        yield Front(request.param, served, service)


async def cut(front: Front, beginning: bytes, drop: bytes) -> tuple[int | None, float]:
    """The status, or None, and the seconds until the end of a request that goes on and on."""
    reader, writer = await asyncio.open_connection("127.0.0.1", front.port)
    began = time.monotonic()
    writer.write(beginning)

    async def go_on() -> None:
        while drop:
            writer.write(drop)
            await writer.drain()
            await asyncio.sleep(0.2 if len(drop) == 1 else 0.01)

    going_on = asyncio.create_task(go_on())
    try:
        status, _, _ = await asyncio.wait_for(read_answer(reader), 30)
    except TimeoutError:
        raise AssertionError("The proxy does not cut it.") from None
    except (OSError, asyncio.IncompleteReadError):
        status = None
    finally:
        going_on.cancel()
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await going_on
        seconds = time.monotonic() - began
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    return status, seconds


def test_requests_pass_through_the_proxy(front: Front) -> None:
    async def campaign() -> None:
        made = await ask(front.port, "POST", "/items", {"name": "lamp"})
        assert (made.status, made.headers["location"][:7]) == (201, "/items/")
        assert (await ask(front.port, "GET", made.headers["location"])).status == 200

    asyncio.run(campaign())


def test_headers_that_come_slowly_are_cut_by_the_proxy(front: Front) -> None:
    async def campaign() -> None:
        status, seconds = await cut(front, HEADERS, b"x")

        assert status == (408 if front.name == "Envoy" else None)
        assert seconds < 15
        assert front.passed == []
        figure(f"slow headers, {front.name}, limit {SECONDS} s", cut_after_seconds=seconds)

    asyncio.run(campaign())


def test_headers_of_megabytes_are_refused_by_the_proxy(front: Front) -> None:
    async def campaign() -> None:
        status, _ = await cut(front, HEADERS, b"x" * 65536)

        # Without one, the client was writing when the proxy hung up.
        assert status in {400 if front.name == "nginx" else 431, None}
        assert front.passed == []

    asyncio.run(campaign())


@pytest.mark.parametrize(
    ("front", "drop"),
    [("nginx", b""), ("Envoy", b""), ("Envoy", b" ")],
    ids=["nginx, stops", "Envoy, stops", "Envoy, a byte now and then"],
    indirect=["front"],
)
def test_a_body_that_does_not_arrive_is_cut_by_the_proxy(front: Front, drop: bytes) -> None:
    async def campaign() -> None:
        status, seconds = await cut(front, head("POST", "/items", 1000) + b"{", drop)

        assert status == (408 if front.name == "Envoy" else None)
        assert seconds < 15
        how = "comes slowly" if drop else "stops"
        figure(f"a body that {how}, {front.name}, limit {SECONDS} s", cut_after_seconds=seconds)

    asyncio.run(campaign())


def test_a_body_that_is_not_whole_does_not_reach_the_service(front: Front) -> None:
    async def campaign() -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", front.port)
        writer.write(head("POST", "/items", 1000) + b"{")
        assert (await ask(front.port, "GET", "/items")).status == 200
        writer.close()
        await writer.wait_closed()
        assert (await ask(front.port, "GET", "/items")).status == 200

        await eventually(lambda: len(front.passed) >= 2, "both reads are logged")
        assert front.passed == ["GET /items", "GET /items"]

    asyncio.run(campaign())


@pytest.mark.parametrize("front", ["nginx"], indirect=True)
def test_a_client_that_asks_too_much_at_once_is_told_429_by_nginx(front: Front) -> None:
    async def campaign() -> None:
        answers = await ask_at_once(110, front.port, "GET", "/faults/sleep?seconds=1")

        assert 0 < sum(answer.status == 429 for answer in answers) <= 10

    asyncio.run(campaign())


def test_a_body_without_an_end_is_refused_by_the_proxy(front: Front) -> None:
    chunked = head("POST", "/items").replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")

    async def campaign() -> None:
        status, _ = await cut(front, chunked, CHUNK)

        assert status in {413, None}

    asyncio.run(campaign())


def established(port: int) -> int:
    """The connections to this port that both sides hold, seen from the server."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(row[1].endswith(f":{port:04X}") and row[3] == ESTABLISHED for row in rows)


def test_a_reader_that_does_not_read_is_cut_by_the_proxy(front: Front) -> None:
    async def campaign() -> None:
        with socket.socket() as reader:
            reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            reader.connect(("127.0.0.1", front.port))
            reader.sendall(head("GET", "/faults/large?megabytes=20"))
            await eventually(lambda: front.passed != [], "the service has answered")
            seconds = await eventually(
                lambda: established(front.port) == 0, "the proxy has hung up", 30
            )
        await eventually(
            lambda: established(front.service.port) <= 1, "the service has none but an idle one"
        )

        figure(f"nobody reads, {front.name}, limit {SECONDS} s", cut_after_seconds=seconds)

    asyncio.run(campaign())
