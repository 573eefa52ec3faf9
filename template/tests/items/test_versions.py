"""Who writes twice, or after somebody else."""

import asyncio
from collections import Counter
from typing import Any

import pytest
from httpx2 import AsyncClient

KEY = {"Idempotency-Key": '"8e03978e-40d5-43dd-bc93-6894a57f9324"'}


async def test_each_answer_has_the_etag_of_the_version(client: AsyncClient) -> None:
    created = await client.post("/items", json={"name": "lamp"})
    url = created.headers["Location"]
    answers = [created, await client.get(url)]

    for body in ({"name": "torch"}, {"name": "torch"}, {}):
        answers += [await client.patch(url, json=body), await client.get(url)]

    etags = [answer.headers["ETag"] for answer in answers]
    assert etags == ['"1"', '"1"', '"2"', '"2"', '"2"', '"2"', '"2"', '"2"']
    assert "ETag" not in (await client.get("/items")).headers


async def test_a_change_to_what_is_there_moves_no_time(client: AsyncClient) -> None:
    created = await client.post("/items", json={"name": "lamp", "attributes": {"watts": 5}})
    url, item = created.headers["Location"], created.json()

    for body in ({}, {"name": "lamp"}, {"name": "lamp", "attributes": {"watts": 5}}):
        assert (await client.patch(url, json=body)).json() == item
    assert (await client.get(url)).json() == item


async def test_what_the_client_has_is_not_sent_again(client: AsyncClient) -> None:
    created = await client.post("/items", json={"name": "lamp"})
    url, seen = created.headers["Location"], {"If-None-Match": created.headers["ETag"]}

    unchanged = await client.get(url, headers=seen)
    await client.patch(url, json={"name": "torch"})
    changed = await client.get(url, headers=seen)

    assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert (changed.status_code, changed.json()["name"]) == (200, "torch")


@pytest.mark.parametrize(("method", "body"), [("PATCH", {"name": "rug"}), ("DELETE", None)])
async def test_what_somebody_else_changed_is_neither_changed_nor_deleted(
    client: AsyncClient, method: str, body: Any
) -> None:
    created = await client.post("/items", json={"name": "lamp"})
    url, seen = created.headers["Location"], {"If-Match": created.headers["ETag"]}
    await client.patch(url, json={"name": "torch"})

    refused = await client.request(method, url, json=body, headers=seen)
    read = await client.get(url)
    accepted = await client.request(method, url, json=body, headers={"If-Match": '"2"'})

    assert refused.status_code == 412
    assert refused.json()["detail"] == "This has changed: its version is 2 now."
    assert read.json()["name"] == "torch"
    assert accepted.status_code == (200 if body else 204)


async def test_of_many_who_change_what_they_have_read_at_once_one_does(
    committing_client: AsyncClient,
) -> None:
    created = await committing_client.post("/items", json={"name": "lamp"})
    url, seen = created.headers["Location"], {"If-Match": created.headers["ETag"]}

    changes = await asyncio.gather(
        *(
            committing_client.patch(url, json={"name": f"lamp {number}"}, headers=seen)
            for number in range(30)
        )
    )

    assert Counter(change.status_code for change in changes) == {200: 1, 412: 29}
    [changed] = [change.json() for change in changes if change.status_code == 200]
    assert (await committing_client.get(url)).json() == changed


async def test_a_creation_that_is_repeated_with_its_key_is_one(client: AsyncClient) -> None:
    answers = [await client.post("/items", json={"name": "lamp"}, headers=KEY) for _ in range(2)]

    first, second = answers
    assert (second.status_code, second.json()) == (first.status_code, first.json())
    assert (second.headers["Location"], second.headers["ETag"]) == (
        first.headers["Location"],
        '"1"',
    )
    assert second.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    assert len((await client.get("/items")).json()["items"]) == 1
