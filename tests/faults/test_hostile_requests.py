"""Bytes that no honest client sends: each gets a 4xx or a closed connection, never a 5xx."""

import asyncio
import json
import resource
from contextlib import AsyncExitStack

import pytest

from tests.faults.client import ask, eventually, head, read_answer
from tests.faults.conftest import Serve
from tests.support.figures import figure

pytestmark = pytest.mark.slow

POST = b"POST /items HTTP/1.1\r\nHost: service\r\nContent-Type: application/json\r\n"
GET = b"GET /items HTTP/1.1\r\nHost: service\r\n"
MALFORMED = {
    "a length and chunks": POST
    + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{} ",
    "an unknown coding": POST + b"Transfer-Encoding: xchunked\r\n\r\n{}",
    "a length of 5,000 digits": POST + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n",
    "a negative length": POST + b"Content-Length: -1\r\n\r\n",
    "a size of a chunk that is no number": POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n",
    "a space before the colon": GET + b"X-Name : value\r\n\r\n",
    "a NUL in a header": GET + b"X-Name: a\0b\r\n\r\n",
    "no version": b"GET /items\r\n\r\n",
    "TLS to a port without it": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 64,
}
WELL_FORMED = {
    "a path above the root": GET.replace(b"/items", b"/../../etc/passwd") + b"\r\n",
    "an encoded path above the root": GET.replace(b"/items", b"/%2e%2e/%2e%2e/etc/passwd")
    + b"\r\n",
    "a path that is not UTF-8": GET.replace(b"/items", b"/items/%ff%fe") + b"\r\n",
    "a NUL in a query": GET.replace(b"/items", b"/items?cursor=%00&prefix=%00") + b"\r\n",
    "a line break in a path": GET.replace(b"/items", b"/items%0d%0aX-Evil:%20yes") + b"\r\n",
    "a line break in an id": GET + b"X-Request-ID: a%0d%0aX-Evil: yes\r\n\r\n",
    "an id of 10,000 characters": GET + b"X-Request-ID: " + b"a" * 10_000 + b"\r\n\r\n",
    "a host that is none": GET.replace(b"Host: service", b"Host: a b/c@[d") + b"\r\n",
}
BODIES = {
    "300,000 lists in each other": b"[" * 300_000,
    "the same, closed": b'{"name":"a","attributes":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_001,
    "90,000 keys": json.dumps(
        {"name": "a", "attributes": {str(n): 1 for n in range(90_000)}}
    ).encode(),
    "NaN": b'{"name": "a", "attributes": {"a": NaN}}',
    "Infinity": b'{"name": "a", "attributes": {"a": -Infinity}}',
    "a number beyond all": b'{"name": "a", "attributes": {"a": 1e999}}',
    "an integer of 5,000 digits": b'{"name": "a", "attributes": {"a": ' + b"9" * 5000 + b"}}",
    "a NUL": b'{"name": "a\\u0000"}',
    "half a surrogate pair": b'{"name": "a", "attributes": {"a": "\\ud800"}}',
    "text that is not UTF-8": b'{"name": "\xff"}',
    "80,000 wrong fields": json.dumps({str(n): 1 for n in range(80_000)}).encode(),
}


async def answer_to(port: int, sent: bytes) -> tuple[int, dict[str, str], bytes] | None:
    """The first answer; None where the connection is closed without one."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(sent)
        if sent in MALFORMED.values():
            writer.write_eof()  # there is no more to wait for
        return await asyncio.wait_for(read_answer(reader), 60)
    except (OSError, asyncio.IncompleteReadError):
        return None
    finally:
        writer.close()


def test_hostile_requests_are_refused_and_never_an_error_of_the_server(serve: Serve) -> None:
    service = serve()
    bodies = {name: head("POST", "/items", len(body)) + body for name, body in BODIES.items()}

    async def campaign() -> None:
        malformed = {name: await answer_to(service.port, sent) for name, sent in MALFORMED.items()}
        others = {
            name: await answer_to(service.port, sent)
            for name, sent in (WELL_FORMED | bodies).items()
        }

        assert {name: a[0] for name, a in malformed.items() if a and a[0] != 400} == {}
        assert {name: a for name, a in others.items() if a is None or a[0] >= 500} == {}
        refused = {name: a[0] for name, a in others.items() if name in BODIES and a}
        assert {name: status for name, status in refused.items() if not 400 <= status < 500} == {}
        assert [name for name, a in others.items() if a and "x-evil" in a[1]] == []
        assert await service.names() == set()
        assert (await ask(service.port, "GET", "/items")).status == 200
        service.check_log([])
        largest = max(len(a[2]) for a in others.values() if a)
        figure("hostile requests", sent=len(malformed | others), largest_answer=largest)

    asyncio.run(campaign())


def test_a_service_without_free_descriptors_waits_and_recovers(serve: Serve) -> None:
    service = serve()

    async def campaign() -> None:
        assert (await ask(service.port, "GET", "/items")).status == 200
        before = service.served.said
        limits = resource.prlimit(service.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(service.pid, resource.RLIMIT_NOFILE, (48, limits[1]))
        async with AsyncExitStack() as stack:
            for _ in range(200):
                _, writer = await asyncio.open_connection("127.0.0.1", service.port)
                stack.callback(writer.close)
            began = service.cpu_seconds()
            await asyncio.sleep(3)
            spent = service.cpu_seconds() - began

        async def answers() -> bool:
            return (await ask(service.port, "GET", "/items")).status == 200

        seconds = await eventually(answers, "the service answers again")
        said = len(service.served.said) - len(before)
        assert spent < 1.5  # where it spins, 3
        figure("no free descriptors", seconds_to_recover=seconds, log_bytes=said, cpu=spent)

    asyncio.run(campaign())
