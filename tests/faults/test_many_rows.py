"""A table of 10 million rows is read and written as fast as one of 10,000."""

import asyncio
import base64
import hashlib
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from statistics import quantiles
from uuid import uuid4

import pytest

from tests.faults.client import Client
from tests.faults.conftest import Serve
from tests.faults.postgres import FaultyPostgres
from tests.support.figures import figure
from tests.support.serving import sql

pytestmark = pytest.mark.slow

FEW, MANY, IN_THE_SMALL_SIZE = 10_000, 10_000_000, 100_000
LONGEST_RATIO = 2
FASTEST_TENTH, MEDIAN = 0, 4  # of deciles; the former says more on a busy machine
ALIKE = 25  # rows whose names begin alike, far from each other in the order of the list
FILL = """
    INSERT INTO item (id, name, attributes, created_at)
    SELECT gen_random_uuid(), md5((n % ({rows} / {alike}))::text) || ' ' || n, '{{"watts": 7}}',
        '2020-01-01Z'::timestamptz + n * interval '1 s'
    FROM generate_series(1, {rows}) n
"""
KEYS = """
    SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE conrelid = 'item'::regclass AND contype IN ('p', 'u')
"""
INDEXES = "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'item'"
FOUND = """
    SELECT id::text, created_at FROM unnest(ARRAY{places}) n
    JOIN item ON created_at = '2020-01-01Z'::timestamptz + n * interval '1 s'
"""
Request = tuple[str, str, object]


def fill(url: str, rows: int) -> None:
    """Rows first, then the indexes of the migration: to keep them meanwhile takes minutes."""
    keys = sql(url, KEYS)
    for name, _ in keys:
        sql(url, f"ALTER TABLE item DROP CONSTRAINT {name}")
    indexes = sql(url, INDEXES)
    for name, _ in indexes:
        sql(url, f"DROP INDEX {name}")
    sql(url, FILL.format(rows=rows, alike=ALIKE))
    for name, definition in keys:
        sql(url, f"ALTER TABLE item ADD CONSTRAINT {name} {definition}")
    for _, definition in indexes:
        sql(url, definition)
    sql(url, "VACUUM ANALYZE item")
    sql(url, "CHECKPOINT")


@dataclass
class Table:
    """So many rows, and a service on them."""

    rows: int
    client: Client
    url: str
    took: dict[str, list[float]] = field(default_factory=dict)

    def rounds(self, count: int) -> Iterator[dict[str, Request]]:
        """Requests for rows of which each round has its own."""
        places = random.sample(range(1, self.rows - 20), count)
        for item_id, created_at in sql(self.url, FOUND.format(places=places)):
            key = json.dumps([created_at.isoformat(), item_id]).encode()
            cursor = base64.urlsafe_b64encode(key).decode().rstrip("=")
            alike = hashlib.md5(str(random.randrange(self.rows // ALIKE)).encode()).hexdigest()
            yield {
                "get": ("GET", f"/items/{item_id}", None),
                "the first page": ("GET", "/items?limit=20", None),
                "a page at any depth": ("GET", f"/items?limit=20&after={cursor}", None),
                "a search by prefix": ("GET", f"/items?limit=20&name_prefix={alike}", None),
                "insert": ("POST", "/items", {"name": uuid4().hex}),
            }

    async def measure(self, what: str, request: Request) -> None:
        answer = await self.client.request(*request)
        assert answer.ok, answer
        if answer.method == "GET" and what != "get":
            assert len(json.loads(answer.body)["items"]) == 20
        self.took.setdefault(what, []).append(answer.seconds * 1000)


async def compare(tables: list[Table], rounds: list[tuple[dict[str, Request], ...]]) -> None:
    """One request to each table, in turns."""
    for both in rounds:
        for what in both[0]:
            for table, requests in zip(tables, both, strict=True):
                await table.measure(what, requests[what])
    for table in tables:
        await table.client.close()


def test_requests_take_no_longer_in_a_large_table(
    serve: Serve, postgres: FaultyPostgres, full: bool
) -> None:
    tables = []
    for rows in (FEW, MANY if full else IN_THE_SMALL_SIZE):
        name = f"rows_{rows}"
        sql(postgres.url(), f"CREATE DATABASE {name} TEMPLATE service")
        fill(postgres.url(name), rows)
        service = serve(postgres.url(name))
        tables.append(Table(rows, Client(service.port), postgres.url(name)))

    rounds = list(zip(*(table.rounds(500 if full else 50) for table in tables), strict=True))
    asyncio.run(compare(tables, rounds))

    ratios = {}
    for what in tables[0].took:
        few, many = (quantiles(table.took[what], n=10) for table in tables)
        ratios[what] = [many[place] / few[place] for place in (FASTEST_TENTH, MEDIAN)]
        figure(
            f"{what}, {tables[1].rows:,} rows",
            median_ms=many[MEDIAN],
            of_10000_rows=few[MEDIAN],
            ratio_of_medians=ratios[what][1],
            ratio_of_the_fastest_tenths=ratios[what][0],
        )
    assert [what for what, both in ratios.items() if max(both) > LONGEST_RATIO] == []
