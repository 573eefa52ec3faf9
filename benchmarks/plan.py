"""The plan of a benchmark: contenders, kinds of work, sizes."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import uuid4

ROWS = 1000
WARM_UP = -1


@dataclass(frozen=True)
class Contender:
    """An ASGI application that can import the rendered service's `app`, and its environment."""

    name: str
    app: str
    settings: dict[str, str] = field(default_factory=dict, hash=False)
    telemetry: bool = False
    """Whether it runs in the service that was rendered with telemetry."""


def part(name: str, without: str) -> Contender:
    """The service without one of its parts. The difference is what the part costs."""
    return Contender(name, "contenders.parts:app", {"WITHOUT": without})


LIMIT = Contender("bare ASGI + asyncpg", "contenders.bare:app")
RAW = Contender("FastAPI + raw asyncpg", "contenders.raw:app")
USUAL = Contender("the usual template", "contenders.usual:app")
SERVICE = Contender("the service", "app.main:app")
CONTENDERS = (LIMIT, RAW, USUAL, SERVICE)
QUIET = {"LOG_LEVEL": "WARNING"}
PARTS = (
    SERVICE,
    Contender("without its log line", SERVICE.app, QUIET),
    part("without its log line and request id", "request_log"),
    part("without limits of bodies", "body_limits"),
    part("without problem details", "problems"),
    part("without validation of the response", "validation"),
    part("without unconfigured telemetry", "telemetry"),
    Contender("raw, without the log line", RAW.app, QUIET),
    Contender("usual, without the log line", USUAL.app, QUIET),
)


def telemetry(name: str, **settings: str) -> Contender:
    """The service with telemetry, whose receiver is in the environment."""
    return Contender(f"with telemetry, {name}", SERVICE.app, settings, telemetry=True)


TELEMETRY = (
    SERVICE,
    telemetry("not configured", OTEL_EXPORTER_OTLP_ENDPOINT=""),
    telemetry("metrics alone", OTEL_TRACES_EXPORTER="none"),
    telemetry(
        "sampled at 1 %",
        OTEL_TRACES_SAMPLER="parentbased_traceidratio",
        OTEL_TRACES_SAMPLER_ARG="0.01",
    ),
    telemetry("sampled at 100 %"),
)


class Request(NamedTuple):
    method: str
    path: str
    body: str = ""


Requests = Iterator[Request]


def item_path(number: int) -> str:
    """The path of one of the `ROWS` initial items."""
    return f"/items/00000000-0000-4000-8000-{number:012}"


def get_one(_: Sequence[str]) -> Request:
    return Request("GET", item_path(random.randint(1, ROWS)))


def list_20(cursors: Sequence[str]) -> Request:
    return Request("GET", f"/items?limit=20&after={random.choice(cursors)}")


def post_one(_: Sequence[str]) -> Request:
    return Request("POST", "/items", f'{{"name":"{uuid4()}","attributes":{{"watts":7}}}}')


def patch_one(_: Sequence[str]) -> Request:
    watts = random.randint(1, 100)
    return Request("PATCH", item_path(random.randint(1, ROWS)), f'{{"attributes":{{"w":{watts}}}}}')


def mixed(cursors: Sequence[str]) -> Request:
    """Four reads to one write."""
    works = (get_one, get_one, get_one, list_20, random.choice((post_one, patch_one)))
    return random.choice(works)(cursors)


WORKS = {
    "GET one": get_one,
    "list 20": list_20,
    "POST one": post_one,
    "PATCH one": patch_one,
    "mixed 80/20": mixed,
}


@dataclass(frozen=True)
class Size:
    """The size of a benchmark. `seconds` are those of a load, by number of connections.

    A round that warms up comes before the others, but not before a single one.
    """

    rounds: int
    seconds: dict[int, int]
    works: tuple[str, ...] = tuple(WORKS)
    contenders: tuple[Contender, ...] = CONTENDERS
    processes: tuple[int, ...] = ()
    """How many processes of a contender are compared with each other."""
    parts: tuple[Contender, ...] = ()
    telemetry: tuple[Contender, ...] = ()
    requests: int = 0
    """After how many the memory of the service is compared with that after the first loads."""
    field: bool = False
    """Whether it compares with templates of the field."""

    @property
    def numbers(self) -> range:
        """Those of the rounds. `WARM_UP` is not measured."""
        return range(WARM_UP if self.rounds > 1 else 0, self.rounds)

    @property
    def seconds_at_32(self) -> int:
        """Those of a load at 32 connections, also where a size has others."""
        return self.seconds.get(32, 1)


SIZES = {
    "full": Size(
        rounds=5,
        seconds={1: 1, 32: 2, 256: 6},
        processes=(1, 2),
        parts=PARTS,
        telemetry=TELEMETRY,
        requests=100_000,
        field=True,
    ),
    "nightly": Size(5, {32: 2, 256: 6}),
    "quick": Size(3, {32: 1}),
    "smoke": Size(
        1,
        {2: 1},
        works=("GET one", "POST one", "PATCH one"),
        processes=(1, 2),
        telemetry=TELEMETRY[::4],
        requests=1,
    ),
    "telemetry": Size(9, {32: 2}, contenders=(), telemetry=TELEMETRY),
    "field": Size(5, {32: 2}, contenders=(), field=True),
    "smoke of the field": Size(1, {32: 1}, contenders=(), field=True),
}
