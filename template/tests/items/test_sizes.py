"""No answer is so large that other requests wait for it."""

import pytest
from httpx2 import AsyncClient
from sqlalchemy import insert

from app.core.database import Database
from app.items.models import Item


async def test_a_list_leaves_the_attributes_out(client: AsyncClient) -> None:
    item = (await client.post("/items", json={"name": "lamp", "attributes": {"a": 1}})).json()

    listed = (await client.get("/items")).json()["items"]

    del item["attributes"]
    assert listed == [item]


async def test_the_largest_page_is_smaller_than_80_000_bytes(
    client: AsyncClient, database: Database
) -> None:
    async with database.session() as session:
        names = [f"{number:03}{chr(1) * 97}" for number in range(101)]  # 6 bytes each as JSON
        rows = [{"name": name, "attributes": {"a": "x" * 16_000}} for name in names]
        await session.execute(insert(Item), rows)

    response = await client.get("/items", params={"limit": 100})

    assert len(response.json()["items"]) == 100
    assert len(response.content) < 80_000


@pytest.mark.parametrize(("size", "status"), [(16_384, 201), (16_385, 422)])
async def test_attributes_have_16_384_bytes_at_most(
    client: AsyncClient, size: int, status: int
) -> None:
    attributes = {"a": "x" * (size - len('{"a":""}'))}

    response = await client.post("/items", json={"name": "lamp", "attributes": attributes})

    assert response.status_code == status
    if status == 422:
        assert response.json()["errors"] == [
            {
                "pointer": "/body/attributes",
                "detail": "Value error, must not be larger than 16384 bytes as JSON",
            }
        ]
