import asyncio
import uuid
from datetime import UTC, datetime

import pytest
from httpx2 import AsyncClient
from sqlalchemy import insert, text

from app.core.database import Database
from app.items.models import Item
from tests.items.examples import create_item

ID = {"X-Request-ID": "test-request-1"}
MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


async def create(client: AsyncClient, *names: str) -> None:
    for name in names:
        assert (await client.post("/items", json={"name": name})).status_code == 201


async def list_names(client: AsyncClient, **parameters: str | int) -> list[str]:
    response = await client.get("/items", params=parameters)
    return [item["name"] for item in response.json()["items"]]


async def test_a_created_item_can_be_read_back(client: AsyncClient) -> None:
    created = await client.post("/items", json={"name": "lamp", "attributes": {"watts": [5, 7.5]}})

    assert created.status_code == 201
    item = created.json()
    assert created.headers["Location"] == f"/items/{item['id']}"
    assert item == {
        "id": str(uuid.UUID(item["id"])),
        "name": "lamp",
        "attributes": {"watts": [5, 7.5]},
        "created_at": item["created_at"],
        "updated_at": item["updated_at"],
    }
    assert datetime.fromisoformat(item["created_at"]).tzinfo is not None
    read = await client.get(created.headers["Location"])
    assert (read.status_code, read.json()) == (200, item)


async def test_a_name_is_all_that_an_item_needs(client: AsyncClient) -> None:
    created = await client.post("/items", json={"name": "lamp"})

    assert created.json()["attributes"] == {}


async def test_a_list_needs_no_thread(client: AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fastapi.dependencies.utils.run_in_threadpool", None)

    response = await client.get("/items")

    assert response.status_code == 200


async def test_items_are_listed_oldest_first(client: AsyncClient) -> None:
    await create(client, "rug", "lamp", "chair")

    response = await client.get("/items")

    assert response.status_code == 200
    assert response.json()["next"] is None
    assert await list_names(client) == ["rug", "lamp", "chair"]


async def test_items_of_the_same_moment_are_listed_by_id_page_by_page(
    client: AsyncClient, database: Database
) -> None:
    ids = [uuid.UUID(int=number) for number in (3, 1, 2)]
    async with database.session() as session:
        rows = [{"id": id_, "name": str(id_), "created_at": MOMENT} for id_ in ids]
        await session.execute(insert(Item), rows)
        # Or the index alone would bring them in order.
        await session.execute(text("SET LOCAL enable_indexscan = off"))
        await session.execute(text("SET LOCAL enable_indexonlyscan = off"))
        await session.execute(text("SET LOCAL enable_bitmapscan = off"))

    listed: list[str] = []
    query: dict[str, str] = {"limit": "1"}
    for _ in ids:
        page = (await client.get("/items", params=query)).json()
        listed += [item["name"] for item in page["items"]]
        query["after"] = page["next"] or ""

    assert listed == [str(item_id) for item_id in sorted(ids)]
    assert page["next"] is None


async def test_pages_follow_each_other_without_gap_or_repetition(client: AsyncClient) -> None:
    await create(client, "e", "d", "c", "b", "a")

    pages: list[list[str]] = []
    cursor: str | None = ""
    while cursor is not None and len(pages) < 5:
        parameters = {"limit": "2"} | ({"after": cursor} if cursor else {})
        page = (await client.get("/items", params=parameters)).json()
        pages.append([item["name"] for item in page["items"]])
        cursor = page["next"]

    assert pages == [["e", "d"], ["c", "b"], ["a"]]


async def test_a_page_that_is_just_full_is_the_last(client: AsyncClient) -> None:
    await create(client, "lamp", "rug")

    assert (await client.get("/items", params={"limit": 2})).json()["next"] is None


async def test_a_cursor_that_no_page_has_given_is_refused(client: AsyncClient) -> None:
    response = await client.get("/items", params={"after": "nonsense"})

    assert response.status_code == 422
    assert [error["pointer"] for error in response.json()["errors"]] == ["/query/after"]


@pytest.mark.parametrize(("limit", "status"), [(0, 422), (1, 200), (100, 200), (101, 422)])
async def test_a_page_has_1_to_100_items(client: AsyncClient, limit: int, status: int) -> None:
    assert (await client.get("/items", params={"limit": limit})).status_code == status


async def test_items_are_found_by_the_beginning_of_their_name(client: AsyncClient) -> None:
    await create(client, "red rug", "red lamp", "infrared lamp")

    assert await list_names(client, name_prefix="red ") == ["red rug", "red lamp"]


@pytest.mark.parametrize("prefix", ["100%", "a_", "a\\"])
async def test_a_prefix_is_taken_literally(client: AsyncClient, prefix: str) -> None:
    await create(client, f"{prefix}b", "100 b", "axb", "a/b")

    assert await list_names(client, name_prefix=prefix) == [f"{prefix}b"]


async def test_an_index_serves_the_prefix(database: Database) -> None:
    async with database.session() as session:
        await session.execute(text("SET LOCAL enable_seqscan = off"))
        statement = text("""
            EXPLAIN SELECT * FROM "item"
            WHERE name LIKE :prefix || '%' ESCAPE '/'
        """)
        plan = "\n".join(await session.scalars(statement, {"prefix": "red"}))
        index = text("SELECT indexdef FROM pg_indexes WHERE indexname = :name")
        definition = await session.scalar(index, {"name": "item_name_idx"})

    assert "item_name_idx" in plan
    assert "text_pattern_ops" in str(definition)  # only this serves LIKE in every locale


async def test_a_name_can_be_used_once(client: AsyncClient) -> None:
    await create(client, "lamp")

    response = await client.post("/items", json={"name": "lamp"}, headers=ID)

    assert response.json() == {
        "type": "about:blank",
        "title": "Conflict",
        "status": 409,
        "detail": "This is already taken.",
        "request_id": "test-request-1",
        "errors": [{"pointer": "/body/name", "detail": "name is already taken"}],
    }
    assert await list_names(client) == ["lamp"]


async def test_of_many_who_want_a_name_at_once_one_gets_it(committing_client: AsyncClient) -> None:
    responses = await asyncio.gather(
        *(committing_client.post("/items", json={"name": "lamp"}) for _ in range(8))
    )

    assert sorted(response.status_code for response in responses) == [201] + [409] * 7


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/body/name"),
        ({"name": ""}, "/body/name"),
        ({"name": "x" * 101}, "/body/name"),
        ({"name": None}, "/body/name"),
        ({"name": "lamp", "attributes": None}, "/body/attributes"),
        ({"name": "lamp", "attributes": []}, "/body/attributes"),
        ({"name": "lamp", "attributes": {"size": 1e300}}, "/body/attributes"),
        ({"name": " "}, "/body/name"),
        ({"name": "lamp", "colour": "red"}, "/body/colour"),
    ],
)
async def test_an_item_that_is_not_valid_is_refused(
    client: AsyncClient, body: dict[str, object], pointer: str
) -> None:
    response = await client.post("/items", json=body)

    assert response.status_code == 422
    assert [error["pointer"] for error in response.json()["errors"]] == [pointer]


async def test_text_that_postgres_cannot_store_is_refused(client: AsyncClient) -> None:
    response = await client.post("/items", json={"name": "la\0mp"})

    assert response.status_code == 422


async def test_a_change_leaves_the_rest_as_it_is(client: AsyncClient) -> None:
    body = {"name": "lamp", "attributes": {"watts": 5}}
    item = (await client.post("/items", json=body)).json()

    changed = await client.patch(f"/items/{item['id']}", json={"name": "torch"})

    assert changed.status_code == 200
    assert changed.json() == item | {
        "name": "torch",
        "updated_at": changed.json()["updated_at"],
    }
    assert changed.json()["updated_at"] > item["updated_at"]
    assert (await client.get(f"/items/{item['id']}")).json() == changed.json()


async def test_a_prefix_that_postgres_cannot_hold_is_refused(client: AsyncClient) -> None:
    response = await client.get("/items", params={"name_prefix": "\0"})

    assert response.status_code == 422
    assert [error["pointer"] for error in response.json()["errors"]] == ["/query/name_prefix"]


@pytest.mark.parametrize(
    "body", [{"name": None}, {"attributes": None}, {"name": ""}, {"nam": "torch"}]
)
async def test_a_change_to_nothing_is_refused(client: AsyncClient, body: dict[str, object]) -> None:
    item = await create_item(client)

    assert (await client.patch(f"/items/{item['id']}", json=body)).status_code == 422


async def test_a_change_to_a_taken_name_is_refused(client: AsyncClient) -> None:
    await create(client, "lamp")
    rug = (await client.post("/items", json={"name": "rug"})).json()

    response = await client.patch(f"/items/{rug['id']}", json={"name": "lamp"})

    assert response.status_code == 409
    assert await list_names(client) == ["lamp", "rug"]


async def test_a_deleted_item_is_gone(client: AsyncClient) -> None:
    item = await create_item(client)

    deleted = await client.delete(f"/items/{item['id']}")

    assert (deleted.status_code, deleted.content) == (204, b"")
    assert (await client.get(f"/items/{item['id']}")).status_code == 404


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
async def test_a_missing_item_is_not_found(client: AsyncClient, method: str) -> None:
    item_id = uuid.uuid4()

    response = await client.request(
        method, f"/items/{item_id}", json={} if method == "PATCH" else None, headers=ID
    )

    assert response.json() == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": f"There is no item {item_id}.",
        "request_id": "test-request-1",
    }


async def test_a_change_and_a_deletion_at_once_are_both_answered(
    committing_client: AsyncClient,
) -> None:
    statuses: set[tuple[str, int]] = set()
    for number in range(10):
        created = await committing_client.post("/items", json={"name": f"lamp {number}"})
        url = created.headers["Location"]
        methods = ["PATCH", "DELETE"] * 2

        responses = await asyncio.gather(
            *(
                committing_client.request(
                    method, url, json={"attributes": {"size": size}} if method == "PATCH" else None
                )
                for size, method in enumerate(methods)
            )
        )
        answers = [(method, r.status_code) for method, r in zip(methods, responses, strict=True)]
        statuses |= set(answers)
        assert answers.count(("DELETE", 204)) == 1

    assert statuses <= {("PATCH", 200), ("PATCH", 404), ("DELETE", 204), ("DELETE", 404)}
