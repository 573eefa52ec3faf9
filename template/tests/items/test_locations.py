from fastapi import FastAPI
from httpx2 import ASGITransport, AsyncClient


async def test_the_location_of_an_item_honours_the_root_path(app: FastAPI) -> None:
    transport = ASGITransport(app, root_path="/api")
    async with AsyncClient(transport=transport, base_url="http://test") as client:
        created = await client.post("/api/items", json={"name": "lamp"})

    assert created.headers["Location"] == f"/api/items/{created.json()['id']}"
