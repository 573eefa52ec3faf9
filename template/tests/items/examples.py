"""Items for the tests."""

from itertools import count
from typing import Any

from httpx2 import AsyncClient

NUMBERS = count(1)


async def create_item(client: AsyncClient, **values: Any) -> dict[str, Any]:
    """An item that was created, as it was answered."""
    body = {"name": f"item {next(NUMBERS)}"}
    created = await client.post("/items", json=body | values)
    assert created.status_code == 201, created.text
    item: dict[str, Any] = created.json()
    return item
