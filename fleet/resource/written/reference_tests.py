"""`tests/.../test_references.py`: what it refers to, what it is under, and who may use it."""

import re
from string import Template

from fleet.resource import names
from fleet.resource.project import Other
from fleet.resource.resource import Field, Resource
from fleet.resource.written.examples import imports_of_others, words_of
from fleet.resource.written.routes_tests import its_url

HEADER = '''"""What $Many_ refer to."""

import uuid

import pytest
from httpx2 import AsyncClient

from $module import $names
$imports'''
UNKNOWN = """

@pytest.mark.parametrize("name", [$references])
async def test_a_reference_to_nothing_is_refused(client: AsyncClient, name: str) -> None:
$setup    $one, unknown = await create_$one($given), {name: str(uuid.uuid4())}

    created = await client.post($url, json=$body | unknown)
    changed = await client.patch($its_url, json=unknown)

    for response in (created, changed):
        assert response.status_code == 422
        assert [error["pointer"] for error in response.json()["errors"]] == [f"/body/{name}"]
"""
DELETED = """

async def test_${a_other}_that_${many}_refer_to_cannot_be_deleted(client: AsyncClient) -> None:
    $other = await create_$other(client)
    await create_$one(client, $given_other)

    response = await client.delete(f"$place")

    assert response.status_code == 409
    assert response.json()["detail"] == "Other data still refers to this."
"""
ITSELF = """

async def test_${a_one_}_refers_to_another_by_its_$name(client: AsyncClient) -> None:
$setup    other = await create_$one($given)

    $one = await create_$one($given, $name=other["id"])

    listed = (await client.get($url, params={"$name": other["id"]})).json()["items"]
    assert $one["$name"] == other["id"]
    assert [each["id"] for each in listed] == [$one["id"]]
"""
ALONE = """

async def test_${a_one_}_is_the_only_one_of_another_by_its_$name(client: AsyncClient) -> None:
$setup    other = await create_$one($given)
    await create_$one($given, $name=other["id"])

    response = await client.post($url, json=$body | {"$name": other["id"]})

    assert response.status_code == 409
    assert [error["pointer"] for error in response.json()["errors"]] == ["/body/$name"]
"""
UNDER = """

async def test_${a_parent_}_that_is_missing_has_no_${many}(client: AsyncClient) -> None:
    ${parent}_id, body = uuid.uuid4(), $body
    url = f"$missing"

    listed = await client.get(url)
    created = await client.post(url, json=body)

    for response in (listed, created):
        assert response.status_code == 404
        assert response.json()["detail"] == f"There is no $Parent_ {${parent}_id}."


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
async def test_${a_one_}_of_another_${parent}_is_not_found(
    client: AsyncClient, method: str
) -> None:
    $one, url = await create_$one(client), await ${many}_url(client)

    response = await client.request(
        method, f"{url}/{$one['id']}", json={} if method == "PATCH" else None
    )

    assert response.status_code == 404
    assert (await client.get($its_url)).json() == $one
    assert (await client.get(url)).json()["items"] == []
"""
SCOPES = '''"""Which scopes $Many_ need."""

from collections.abc import Callable
from typing import Any

from httpx2 import AsyncClient

from $module import $names


async def test_who_reads_${many}_needs_a_scope(
    client: AsyncClient, client_with: Callable[..., Any]
) -> None:
$setup    $one = await create_$one($given)
    own = $its_url

    async with client_with("$write") as writer, client_with("$read") as reader:
        refused = [await writer.get(target) for target in ($url, own)]
        allowed = [await reader.get(target) for target in ($url, own)]

    assert [response.status_code for response in refused] == [403, 403]
    assert refused[0].json()["detail"] == "This needs the scope $read."
    assert [response.status_code for response in allowed] == [200, 200]


async def test_who_writes_${many}_needs_a_scope(
    client: AsyncClient, client_with: Callable[..., Any]
) -> None:
$setup    $one, body = await create_$one($given), $body
    own = $its_url
    requests: list[tuple[str, str, Any]] = [
        ("POST", $url, body),
        ("PATCH", own, {}),
        ("DELETE", own, None),
    ]

    async with client_with("$read") as reader, client_with("$write") as writer:
        refused = [await reader.request(method, url_, json=sent) for method, url_, sent in requests]
        allowed = [await writer.request(method, url_, json=sent) for method, url_, sent in requests]

    assert [response.status_code for response in refused] == [403, 403, 403]
    assert refused[0].json()["detail"] == "This needs the scope $write."
    assert [response.status_code for response in allowed] == [201, 200, 204]
'''


def scope_tests(resource: Resource) -> str:
    read, write = (scope(resource, what) for what in ("read", "write"))
    words = {"its_url": its_url(resource), "read": read, "write": write}
    return Template(SCOPES).substitute(words_of(resource) | words)


def scope(resource: Resource, what: str) -> str:
    return f"{resource.plural.replace('_', '-')}:{what}"


def reference_tests(resource: Resource) -> str:
    """Empty for a resource that refers to nothing."""
    parts = [_unknown(resource)] if resource.references else []
    parts += [
        _deleted(resource, field.other, f'{field.name}={field.other.singular}["id"]')
        for field in _first_of_each(resource)
        if field.other and field.other.can_be_deleted
    ]
    parts += [_itself(resource, field) for field in resource.references if field.is_itself]
    if resource.parent:
        parts.append(_filled(resource, UNDER, missing=resource.path))
        told = {field.other for field in resource.references}
        if resource.parent.can_be_deleted and resource.parent not in told:
            own = resource.path.rpartition("/")[2]
            url = f"f\"{resource.parent.path}/{{{resource.parent.singular}['id']}}/{own}\""
            parts.append(_deleted(resource, resource.parent, url))
    return (
        _filled(resource, HEADER, imports=imports_of_others(resource)) + "".join(parts)
        if parts
        else ""
    )


def _first_of_each(resource: Resource) -> list[Field]:
    """A field for each resource that is referred to."""
    return list({field.other: field for field in reversed(resource.references)}.values())


def _filled(resource: Resource, source: str, **words: str) -> str:
    one, parent = resource.words["a_one"], resource.words["a_parent"]
    more = {
        "its_url": its_url(resource),
        "a_one_": one.replace(" ", "_"),
        "a_parent_": parent.replace(" ", "_"),
    }
    return Template(source).substitute(words_of(resource) | more | words)


def _unknown(resource: Resource) -> str:
    named = ", ".join(f'"{field.name}"' for field in resource.references)
    return _filled(resource, UNKNOWN, references=named)


def _deleted(resource: Resource, other: Other, given: str) -> str:
    place = f"{other.path}/{{id}}"
    for key in re.findall(r"{(\w+)}", place):
        place = place.replace(f"{{{key}}}", f"{{{other.singular}['{key}']}}")
    a_other = names.article(other.singular).replace(" ", "_")
    words = {"other": other.singular, "a_other": a_other, "given_other": given, "place": place}
    return _filled(resource, DELETED, **words)


def _itself(resource: Resource, field: Field) -> str:
    alone = ALONE if "unique" in field.options else ""
    return _filled(resource, ITSELF + alone, name=field.name)
