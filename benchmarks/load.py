"""Load over a number of connections, each with one request in flight: by wrk, or by Python."""

import asyncio
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

from benchmarks.plan import Request

SCRIPT = Path(__file__).with_name("load.lua")
END_OF_HEADERS = b"\r\n\r\n"
LENGTH = b"content-length: "


@dataclass(frozen=True)
class Result:
    """The result of a load. `failed` counts broken connections and answers other than 2xx."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    failed: int


def load(
    port: int, requests: Sequence[Request], *, connections: int, seconds: int, token: str = ""
) -> Result:
    """Send the requests in order, and again from the first. A token is a bearer's."""
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    if shutil.which("wrk"):
        return _wrk(port, requests, connections, seconds, headers)
    return asyncio.run(send(port, requests, connections, seconds, headers))


def generator() -> str:
    if not shutil.which("wrk"):
        return "benchmarks/load.py"
    text = subprocess.run(["wrk", "--version"], capture_output=True, text=True, check=False).stdout
    return " ".join(text.split()[:2])


def _wrk(
    port: int,
    requests: Sequence[Request],
    connections: int,
    seconds: int,
    headers: Mapping[str, str],
) -> Result:
    with tempfile.NamedTemporaryFile("w", suffix=".requests") as file:
        file.writelines(f"{request.method} {request.path} {request.body}\n" for request in requests)
        file.flush()
        size = ["-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s"]
        size += [f"-H{name}: {value}" for name, value in headers.items()]
        url = f"http://127.0.0.1:{port}"
        command = ["wrk", *size, "-s", str(SCRIPT), url, "--", file.name]
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return Result(**json.loads(output.splitlines()[-1]))


async def send(
    port: int,
    requests: Sequence[Request],
    connections: int,
    seconds: int,
    headers: Mapping[str, str],
) -> Result:
    """Load by Python alone, which uses ten times the CPU of wrk."""
    messages = cycle([_message(request, headers) for request in requests])
    answers: list[tuple[float, bool]] = []
    started = time.perf_counter()
    clients = (_client(port, messages, started + seconds, answers) for _ in range(connections))
    await asyncio.gather(*clients)
    taken = time.perf_counter() - started
    milliseconds = sorted(1000 * latency for latency, _ in answers)
    p50, p99 = (milliseconds[int(len(answers) * part)] for part in (0.5, 0.99))
    return Result(len(answers), taken, p50, p99, sum(not good for _, good in answers))


async def _client(
    port: int, messages: Iterator[bytes], deadline: float, answers: list[tuple[float, bool]]
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while (started := time.perf_counter()) < deadline:
        writer.write(next(messages))
        head = await reader.readuntil(END_OF_HEADERS)
        _, _, length = head.lower().partition(LENGTH)
        await reader.readexactly(int(length.partition(b"\r\n")[0]))
        answers.append((time.perf_counter() - started, head.startswith(b"HTTP/1.1 2")))
    writer.close()
    await writer.wait_closed()


def _message(request: Request, headers: Mapping[str, str]) -> bytes:
    length = {"Host": "test", "Content-Length": str(len(request.body))}
    lines = "".join(f"{name}: {value}\r\n" for name, value in {**length, **headers}.items())
    return f"{request.method} {request.path} HTTP/1.1\r\n{lines}\r\n{request.body}".encode()
