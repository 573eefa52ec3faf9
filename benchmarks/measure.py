"""Measures contenders in turn, round by round, so that all run under the same conditions."""

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import httpx2

from benchmarks import checks, database
from benchmarks.load import load
from benchmarks.plan import SERVICE, WARM_UP, WORKS, Contender, Request, Size, mixed
from benchmarks.receiver import receiving
from benchmarks.server import Server, import_seconds, serve
from benchmarks.wire import Wire, counting

PER_SECOND = 15_000  # more than any contender answers: a second POST of a name would be refused
COUNTED = 20
JSON = {"Content-Type": "application/json"}

Row = dict[str, Any]


class Load(NamedTuple):
    work: str
    connections: int
    seconds: int
    round: int = 0


def measure(service: Path, url: str, size: Size) -> dict[str, list[Row]]:
    """Everything in a size: facts of each contender, loads, more processes, the service without
    parts and with telemetry, its memory."""
    starts = _starts(service, url, size)
    facts = [
        {"contender": contender.name, **starts[contender], **_fact(contender, service, url, size)}
        for contender in size.contenders
    ]
    return {
        "facts": facts,
        "loads": list(rounds(service, url, size)),
        "scaling": list(_scaling(service, url, size)),
        "parts": list(rounds(service, url, _reads(size, size.parts))),
        "telemetry": _telemetry(service, url, size),
        "memory": _memory(service, url, size),
    }


def _reads(size: Size, contenders: tuple[Contender, ...]) -> Size:
    """One kind of work at one number of connections."""
    seconds = {32: size.seconds_at_32}
    return Size(size.rounds, seconds, works=("GET one",), contenders=contenders)


def _scaling(service: Path, url: str, size: Size) -> Iterator[Row]:
    """One process and more of each contender, in the same rounds."""
    if size.processes:
        for contender in size.contenders:
            yield from rounds(service, url, _reads(size, (contender,)), *size.processes)


def _memory(service: Path, url: str, size: Size) -> list[Row]:
    """Of the service, in MB, after two seconds of mixed work and after so many requests."""
    if not size.requests:
        return []
    database.fill(url)
    with serve(SERVICE, service, url) as server:
        cursors = checks.cursors(server.url)
        rows: list[Row] = []
        done = 0
        while done < size.requests or len(rows) < 2:
            requests = [mixed(cursors) for _ in range(2 * PER_SECOND)]
            done += load(server.port, requests, connections=32, seconds=2).requests
            rows.append({"requests": done, "mb": round(server.megabytes(), 1)})
        return [rows[0], rows[-1]]


def _telemetry(service: Path, url: str, size: Size) -> list[Row]:
    if not size.telemetry:
        return []
    works, loads = ("GET one", "POST one"), {32: size.seconds_at_32}
    one = Size(size.rounds, loads, works=works, contenders=size.telemetry)
    with receiving() as receiver:
        os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = receiver
        return list(rounds(service, url, one))


def rounds(service: Path, url: str, size: Size, *processes: int) -> Iterator[Row]:
    """In each round, run each load against each contender in turn, by one process or by so many."""
    if not size.contenders:
        return
    with ExitStack() as stack:
        servers = [
            stack.enter_context(serve(contender, service, url, processes=count))
            for contender in size.contenders
            for count in processes or (1,)
        ]
        database.fill(url)
        for server in servers:
            checks.check(server.contender, server.url)
        cursors = checks.cursors(servers[0].url)
        for number in size.numbers:
            database.fill(url)
            for each in _loads(size, number):
                rows = [_sample(server, each, cursors) for server in servers]
                yield from rows if number != WARM_UP else ()


def _loads(size: Size, number: int) -> list[Load]:
    seconds = {max(size.seconds): 1} if number == WARM_UP else size.seconds
    return [
        Load(work, connections, lasting, number)
        for work in size.works
        for connections, lasting in seconds.items()
    ]


def _sample(server: Server, given: Load, cursors: Sequence[str]) -> Row:
    requests = [WORKS[given.work](cursors) for _ in range(given.seconds * PER_SECOND)]
    return sample(server, given, requests)


def sample(server: Server, given: Load, requests: Sequence[Request], token: str = "") -> Row:
    """What one load has shown: requests/s, CPU of each, waiting, failures."""
    before = server.cpu_seconds()
    size = {"connections": given.connections, "seconds": given.seconds}
    result = load(server.port, requests, **size, token=token)
    used = server.cpu_seconds() - before
    return {
        "contender": server.contender.name,
        **given._asdict(),
        "processes": len(server.processes()),
        "rps": round(result.requests / result.seconds, 1),
        "cpu_us": round(1e6 * used / result.requests, 1),
        "cpus": round(used / result.seconds, 3),
        "p50_ms": round(result.p50_ms, 2),
        "p99_ms": round(result.p99_ms, 2),
        "failed": result.failed,
    }


def _starts(service: Path, url: str, size: Size) -> dict[Contender, Row]:
    """The seconds of an import, and from a process's start to its first answer."""
    found: dict[Contender, Row] = {
        each: {"import_s": [], "ready_s": []} for each in size.contenders
    }
    for _ in range(size.rounds):
        for contender, seconds in found.items():
            seconds["import_s"].append(round(import_seconds(contender, service, url), 3))
            with serve(contender, service, url) as server:
                seconds["ready_s"].append(round(server.seconds_to_ready, 3))
    return found


def _fact(contender: Contender, service: Path, url: str, size: Size) -> Row:
    """Round trips per kind of work, and a process's memory after some work."""
    database.fill(url)
    with counting(url) as wire, serve(contender, service, wire.url) as server:
        checks.check(contender, server.url)
        round_trips = {work: _round_trips(work, server, wire) for work in size.works}
        return {"round_trips": round_trips, "rss_mb": round(server.megabytes(), 1)}


def _round_trips(work: str, server: Server, wire: Wire) -> float:
    """The mean per request. The first requests, which prepare statements, do not count."""
    cursors = checks.cursors(server.url)
    counts = []
    with httpx2.Client(base_url=server.url, trust_env=False) as client:
        for _ in range(2):
            before = wire.round_trips
            for _ in range(COUNTED):
                method, path, body = WORKS[work](cursors)
                client.request(method, path, content=body, headers=JSON).raise_for_status()
            counts.append((wire.round_trips - before) / COUNTED)
    return counts[-1]
