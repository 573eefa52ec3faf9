"""`tests/.../test_lists.py`: pages, their order, and what they can be filtered by."""

from string import Template

from fleet.resource.resource import Resource
from fleet.resource.written.examples import words_of

HEADER = '''"""Lists of $Many_: their pages, their order, and their filters."""

import re
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from httpx2 import AsyncClient
from sqlalchemy import text, update

from app.core.database import Database
from app.$many.models import $One
from $module import $names

INDEXES = text("SELECT indexdef FROM pg_indexes WHERE tablename = :table")
$moment'''
PAGES = """

async def list_ids(client: AsyncClient, url: str, **parameters: Any) -> list[str]:
    response = await client.get(url, params=parameters)
    return [$one["id"] for $one in response.json()["items"]]


async def test_${many}_are_listed_${ordered}_page_by_page(client: AsyncClient) -> None:
$setup$created

    pages: list[list[str]] = []
    cursor: str | None = ""
    while cursor is not None and len(pages) < 5:
        parameters = {"limit": "2"} | ({"after": cursor} if cursor else {})
        page = (await client.get($url, params=parameters)).json()
        pages.append([$one["id"] for $one in page["items"]])
        cursor = page["next"]

    ids = [$one["id"] for $one in $in_order]
    assert pages == [ids[:2], ids[2:4], ids[4:]]
"""
SAME = """

async def test_${many}_of_the_same_${column}_are_listed_by_id_page_by_page(
    client: AsyncClient, database: Database
) -> None:
$setup    ids = [uuid.UUID(int=number) for number in (3, 1, 2)]
$same    async with database.session() as session:
        for $one, id_ in zip(created, ids, strict=True):
            row = update($One).where($One.id == uuid.UUID($one["id"]))
            await session.execute(row.values($values))
        # Or the index alone would bring them in order.
        await session.execute(text("SET LOCAL enable_indexscan = off"))
        await session.execute(text("SET LOCAL enable_indexonlyscan = off"))
        await session.execute(text("SET LOCAL enable_bitmapscan = off"))

    listed: list[str] = []
    query: dict[str, str] = {"limit": "1"}
    for _ in ids:
        page = (await client.get($url, params=query)).json()
        listed += [$one["id"] for $one in page["items"]]
        query["after"] = page["next"] or ""

    assert listed == [str(id_) for id_ in sorted(ids$reverse)]
    assert page["next"] is None
"""
PAGE = """

async def test_a_page_that_is_just_full_is_the_last(client: AsyncClient) -> None:
$setup    for _ in range(2):
        await create_$one($given)

    assert (await client.get($url, params={"limit": 2})).json()["next"] is None


async def test_a_cursor_that_no_page_has_given_is_refused(client: AsyncClient) -> None:
$setup    response = await client.get($url, params={"after": "nonsense"})

    assert response.status_code == 422
    assert [error["pointer"] for error in response.json()["errors"]] == ["/query/after"]


@pytest.mark.parametrize(("limit", "status"), [(0, 422), (1, 200), (100, 200), (101, 422)])
async def test_a_page_has_1_to_100_${many}(client: AsyncClient, limit: int, status: int) -> None:
$setup    await create_$one($given)

    assert (await client.get($url, params={"limit": limit})).status_code == status


async def test_a_list_and_one_of_it_take_a_statement_each(
    client: AsyncClient, assert_queries: Callable[[int], AbstractContextManager[None]]
) -> None:
$setup    $one, *_ = [await create_$one($given) for _ in range(3)]

    with assert_queries(1):
        await client.get($url)
    with assert_queries(1):
        await client.get(f"{$url}/{$one['id']}")


async def test_indexes_serve_the_order_and_the_filters(database: Database) -> None:
    async with database.read() as session:
        found = list(await session.scalars(INDEXES, {"table": "$one"}))

    columns = [re.findall(r"\\((.*)\\)", index)[0].replace('"', "") for index in found]
    assert sorted(columns) == sorted([$indexes])
"""
LARGE = """

async def test_a_list_leaves_out_what_makes_it_large(client: AsyncClient) -> None:
$setup    $one = await create_$one($given)
    for name in [$large]:
        del $one[name]

    listed = (await client.get($url)).json()["items"]

    assert listed == [$one]
"""
FILTERS = """

@pytest.mark.parametrize("name", [$filters])
async def test_${many}_are_found_by_a_value(client: AsyncClient, name: str) -> None:
$setup    $one, _ = await create_$one($given), await create_$one($given)

    assert await list_ids(client, $url, **{name: $one[name]}) == [$one["id"]]
"""
SEARCHES = """

@pytest.mark.parametrize("name", [$searches])
async def test_${many}_are_found_by_the_beginning_of_a_text(client: AsyncClient, name: str) -> None:
$setup    values = ["ab", "a%b", "a_b", "a\\\\b", "bab"]
    created = {
        value: (await create_$one($given, **{name: value}))["id"] for value in values
    }

    for value in values[1:]:
        assert await list_ids(client, $url, **{f"{name}_prefix": value[:2]}) == [created[value]]
    assert len(await list_ids(client, $url, **{f"{name}_prefix": "a"})) == 4


@pytest.mark.parametrize("name", [$searches])
async def test_text_that_postgres_cannot_hold_is_not_searched(
    client: AsyncClient, name: str
) -> None:
$setup    response = await client.get($url, params={f"{name}_prefix": "\\0"})

    assert response.status_code == 422
    errors = response.json()["errors"]
    assert [error["pointer"] for error in errors] == [f"/query/{name}_prefix"]
"""


def list_tests(resource: Resource) -> str:
    parts = {
        HEADER: True,
        PAGES: True,
        SAME: not (resource.sorted_by and "unique" in resource.sorted_by.options),
        PAGE: True,
        LARGE: resource.large,
        FILTERS: _filters(resource),
        SEARCHES: resource.searches,
    }
    source = "".join(part for part, wanted in parts.items() if wanted)
    words = (
        words_of(resource)
        | _order(resource)
        | {
            "filters": ", ".join(f'"{name}"' for name in _filters(resource)),
            "searches": ", ".join(f'"{field.name}"' for field in resource.searches),
            "large": ", ".join(f'"{field.name}"' for field in resource.large),
            "indexes": ", ".join(f'"{columns}"' for columns in _indexes(resource)),
        }
    )
    return Template(source).substitute(words)


def _filters(resource: Resource) -> list[str]:
    return [field.name for field in resource.filters if not field.is_itself]


def _indexes(resource: Resource) -> list[str]:
    parent = f"{resource.parent.singular}_id, " if resource.parent else ""
    unique = [field.name for field in resource.unique]
    order = f"{resource.order.column}, id"
    filters = [f"{name}, {order}" for name in resource.indexed]
    searches = [f"{field.name} text_pattern_ops" for field in resource.searches]
    return ["id", f"{parent}{order}", *unique, *filters, *searches]


def _order(resource: Resource) -> dict[str, str]:
    """How tests make rows in another order than that of the list, and what they expect then."""
    one, order, last = resource.singular, resource.order, resource.order.descending
    field = resource.sorted_by
    values = ['"id": id_']
    given = words_of(resource)["given"]
    if not field:
        values.append('"created_at": MOMENT')
        created = f"    created = [await create_{one}({given}) for _ in range(5)]\n"
        same, expected = created.replace("range(5)", "ids"), "created[::-1]" if last else "created"
    else:
        make, name = f"await create_{one}({given}, **", field.name
        created = (
            f"    bodies = [{words_of(resource)['body']} for _ in range(5)]\n"
            f"    created = [{make}bodies[each]) for each in (3, 0, 4, 1, 2)]\n"
        )
        same = (
            f"    first = await create_{one}({given})\n"
            f'    same = {{"{name}": first["{name}"]}}\n'
            f"    created = [first, *[{make}same) for _ in ids[1:]]]\n"
        )
        value = f'each["{name}"]'
        value = f"Decimal({value})" if field.kind.python == "Decimal" else value
        reverse = ", reverse=True" if last else ""
        expected = f"sorted(created, key=lambda each: {value}{reverse})"
    if resource.has_etag:
        values.append(f'"version": {resource.python}.version + 1')
    return {
        "ordered": str(order).replace(",", "").replace(" ", "_"),
        "column": order.column if field else "moment",
        "created": created,
        "in_order": expected,
        "same": same,
        "values": f"{{{', '.join(values)}}}",
        "reverse": ", reverse=True" if last else "",
        "moment": "" if field else "MOMENT = datetime(2026, 1, 1, tzinfo=UTC)\n",
    }
