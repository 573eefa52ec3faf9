"""`tests/.../test_versions.py`: who writes twice, or after somebody else."""

from string import Template

from fleet.resource.resource import Field, Resource
from fleet.resource.written.examples import uses_client, words_of

KEY = """KEY = {"Idempotency-Key": '"8e03978e-40d5-43dd-bc93-6894a57f9324"'}
"""
SAME_ETAG = """    assert second.headers["ETag"] == first.headers["ETag"] == '"1"'
"""
VERSIONS = '''"""Who writes twice, or after somebody else."""

import asyncio
from collections import Counter
from typing import Any

import pytest
from httpx2 import AsyncClient

from $module import $names

$key'''
ETAGS = '''

$define_change($takes) -> dict[str, Any]:
    """A change to another value than the one before."""
    return {"$field": ($body)["$field"]}


async def test_each_answer_has_the_etag_of_the_version(client: AsyncClient) -> None:
$setup    created = await client.post($url, json=$body)
    own = created.headers["Location"]
    responses = [created, await client.get(own)]

    changes = $change
    for body in (changes, changes, {}):
        responses += [await client.patch(own, json=body), await client.get(own)]

    etags = [response.headers["ETag"] for response in responses]
    assert etags == ['"1"', '"1"', '"2"', '"2"', '"2"', '"2"', '"2"', '"2"']
    assert "ETag" not in (await client.get($url)).headers
'''
UNCHANGED = """

async def test_a_change_to_what_is_there_moves_no_time(client: AsyncClient) -> None:
$setup    body = $body
    created = await client.post($url, json=body)
    own, $one = created.headers["Location"], created.json()

    for same in ({}, $same):
        assert (await client.patch(own, json=same)).json() == $one
    assert (await client.get(own)).json() == $one
"""
CONDITIONS = """

async def test_what_the_client_has_is_not_sent_again(client: AsyncClient) -> None:
$setup    created = await client.post($url, json=$body)
    own, seen = created.headers["Location"], {"If-None-Match": created.headers["ETag"]}

    unchanged = await client.get(own, headers=seen)
    await client.patch(own, json=$change)
    changed = await client.get(own, headers=seen)

    assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert (changed.status_code, changed.headers["ETag"]) == (200, '"2"')


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
async def test_what_somebody_else_changed_is_neither_changed_nor_deleted(
    client: AsyncClient, method: str
) -> None:
$setup    created = await client.post($url, json=$body)
    own, seen = created.headers["Location"], {"If-Match": created.headers["ETag"]}
    changed = await client.patch(own, json=$change)
    body = $change if method == "PATCH" else None

    refused = await client.request(method, own, json=body, headers=seen)
    read = await client.get(own)
    accepted = await client.request(method, own, json=body, headers={"If-Match": '"2"'})

    assert refused.status_code == 412
    assert refused.json()["detail"] == "This has changed: its version is 2 now."
    assert read.json() == changed.json()
    assert accepted.status_code == (200 if body else 204)


async def test_of_many_who_change_what_they_have_read_at_once_one_does(
    committing_client: AsyncClient,
) -> None:
$committing_setup    created = await committing_client.post($url, json=$committing_body)
    own, seen = created.headers["Location"], {"If-Match": created.headers["ETag"]}
    bodies = [$committing_change for _ in range(10)]

    responses = await asyncio.gather(
        *(committing_client.patch(own, json=body, headers=seen) for body in bodies)
    )

    statuses = Counter(response.status_code for response in responses)
    assert statuses.keys() <= {200, 412}
    [changed] = [each.json() for each in responses if each.headers.get("ETag") == '"2"']
    assert (await committing_client.get(own)).json() == changed
"""
REPEATED = """

async def test_a_creation_that_is_repeated_with_its_key_is_one(client: AsyncClient) -> None:
$setup    body = $body

    first, second = [await client.post($url, json=body, headers=KEY) for _ in range(2)]

    assert (second.status_code, second.json()) == (first.status_code, first.json())
    assert second.headers["Location"] == first.headers["Location"]
$same_etag    assert second.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    assert len((await client.get($url)).json()["items"]) == 1
"""


def version_tests(resource: Resource) -> str:
    awaits = uses_client(resource)
    calls = "await other_values({})" if awaits else "other_values()"
    words = words_of(resource) | {
        "field": _changed(resource).name,
        "define_change": f"{'async ' if awaits else ''}def other_values",
        "takes": "client: AsyncClient" if awaits else "",
        "change": calls.format("client"),
        "committing_change": calls.format("committing_client"),
        "same": _same(resource),
        "key": KEY if resource.is_idempotent else "",
        "same_etag": SAME_ETAG if resource.has_etag else "",
    }
    parts = [(VERSIONS, True), (ETAGS, resource.has_etag), (UNCHANGED, True)]
    parts += [(CONDITIONS, resource.has_etag), (REPEATED, resource.is_idempotent)]
    return Template("".join(part for part, wanted in parts if wanted)).substitute(words)


def _changed(resource: Resource) -> Field:
    """A field whose examples all differ, if there is one, which is no reference if possible."""
    fields = [field for field in resource.mutable if not field.is_itself]
    return max(fields, key=lambda field: (field.other is None, field.kind.varied))


def _same(resource: Resource) -> str:
    if len(resource.mutable) == len(resource.fields):
        return "body"
    names = ", ".join(f'"{field.name}"' for field in resource.mutable)
    return f"{{name: body[name] for name in [{names}]}}"
