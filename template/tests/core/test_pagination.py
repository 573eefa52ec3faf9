"""Lists page by page, in any order, on a table of the tests."""

import json
from base64 import urlsafe_b64encode
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, NamedTuple
from uuid import UUID

import pytest
from fastapi import Depends, FastAPI
from httpx2 import AsyncClient
from sqlalchemy import select

from app.core.database import Database, ReadSessionDep
from app.core.pagination import After, Cursor, Listing, Page, cursor_of
from tests.things import Thing

ID = {"X-Request-ID": "test-request-1"}
KEY = Cursor(datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC), UUID(int=7))
KEY_OF_0_4 = "AOMHXfWDDzUAAAAAAAAAAAAAAAAAAAAH"  # the same, as releases before 0.5 wrote it


class ByName(NamedTuple):
    name: str


class BySize(NamedTuple):
    size: int
    id: int


LARGEST_FIRST = Listing(select(Thing), BySize, Thing.size, Thing.id, descending=True)


def as_cursor(key: object) -> str:
    return urlsafe_b64encode(json.dumps(key).encode()).decode().rstrip("=")


@pytest.fixture
async def listed(app: FastAPI, database: Database, things: None) -> None:
    """Five things, listed by name, and by size and id with the largest first."""

    @app.get("/by-name")
    async def list_by_name(
        session: ReadSessionDep, after: Annotated[ByName | None, Depends(cursor_of(ByName))]
    ) -> Page[str]:
        statement = select(Thing.name).order_by(Thing.name).limit(3)
        if after is not None:
            statement = statement.where(Thing.name > after.name)
        return Page.of((await session.scalars(statement)).all(), limit=2, cursor=ByName)

    @app.get("/by-size")
    async def list_by_size(
        session: ReadSessionDep, after: Annotated[BySize | None, Depends(cursor_of(BySize))]
    ) -> Page[str]:
        page = await LARGEST_FIRST.page(session, Thing.size > 0, limit=2, after=after)
        return Page([thing.name for thing in page.items], page.next)

    async with database.session() as session:
        for size, name in ((1, "rug"), (3, "Öl/?+"), (2, "lamp"), (1, "chair"), (3, "a\nb")):
            session.add(Thing(name=name, size=size))
            await session.flush()


async def pages(client: AsyncClient, url: str) -> list[list[str]]:
    found: list[list[str]] = []
    after: str | None = ""
    while after is not None and len(found) < 9:
        page = (await client.get(url, params={"after": after})).json()
        found.append(page["items"])
        after = page["next"]
    return found


async def test_a_list_is_paged_by_a_text(client: AsyncClient, listed: None) -> None:
    assert await pages(client, "/by-name") == [["a\nb", "chair"], ["lamp", "rug"], ["Öl/?+"]]


async def test_a_list_is_paged_by_several_columns_that_descend(
    client: AsyncClient, listed: None
) -> None:
    assert await pages(client, "/by-size") == [["a\nb", "Öl/?+"], ["lamp", "chair"], ["rug"]]


async def test_a_page_that_is_just_full_is_the_last(client: AsyncClient, listed: None) -> None:
    page = (await client.get("/by-name", params={"after": as_cursor(["chair2"])})).json()
    last = (await client.get("/by-name", params={"after": as_cursor(["lamp"])})).json()

    assert page["next"] is not None
    assert last == {"items": ["rug", "Öl/?+"], "next": None}


@pytest.fixture
def echoed(app: FastAPI) -> None:
    @app.get("/echo")
    async def echo(after: After) -> Cursor | None:
        return after


@pytest.mark.parametrize(
    ("after", "key"),
    [
        ("", None),
        (Page.of([KEY, KEY], limit=1, cursor=lambda key: key).next, KEY),
        (as_cursor(["2026-01-02T03:04:05.678901Z", str(UUID(int=7))]), KEY),
        (KEY_OF_0_4, KEY),
    ],
)
async def test_cursors_are_read_as_this_release_and_the_ones_before_0_5_write_them(
    client: AsyncClient, echoed: None, after: str, key: Cursor | None
) -> None:
    response = await client.get("/echo", params={"after": after})

    expected = key and ["2026-01-02T03:04:05.678901Z", str(key.id)]
    assert (response.status_code, response.json()) == (200, expected)


@pytest.mark.parametrize(
    "after",
    [
        "nonsense",
        "A" * 31,
        "A" * 33,
        "B" * 32,
        "A" + "_" * 31 + "=",
        "%00",
        "é",
        as_cursor([]),
        as_cursor(["lamp"]),
        "!!!!" + as_cursor(["2026-01-02T03:04:05Z", str(UUID(int=7))]),
        as_cursor({"created_at": "2026-01-02T03:04:05Z"}),
        as_cursor(["2026-01-02T03:04:05", str(UUID(int=7))]),  # without a time zone
        as_cursor(["2026-01-02T03:04:05Z", str(UUID(int=7)), 1]),
        as_cursor("[" * 5000),
    ],
)
async def test_text_that_no_page_has_given_is_refused(
    client: AsyncClient, echoed: None, after: str
) -> None:
    response = await client.get("/echo", params={"after": after}, headers=ID)

    assert response.json() == {
        "type": "about:blank",
        "title": HTTPStatus(422).phrase,
        "status": 422,
        "detail": "The request is not valid: see `errors`.",
        "request_id": "test-request-1",
        "errors": [{"pointer": "/query/after", "detail": "It must be `next` of a page."}],
    }


async def test_a_cursor_of_another_list_is_refused(client: AsyncClient, listed: None) -> None:
    by_name = (await client.get("/by-name")).json()["next"]

    assert (await client.get("/by-size", params={"after": by_name})).status_code == 422
