"""`tests/.../test_routes.py`: one of the resource, created, read, changed and deleted."""

from collections.abc import Iterable
from string import Template

from fleet.resource.resource import Field, Resource
from fleet.resource.written.examples import words_of

HEADER = '''"""$Many, one at a time."""

import asyncio
import uuid
from typing import Any

import pytest
from httpx2 import AsyncClient

from $module import $names

$constants
ID = {"X-Request-ID": "test-request-1"}
'''
CREATED = """

async def test_a_created_${one}_can_be_read_back(client: AsyncClient) -> None:
$setup    body = $body

    created = await client.post($url, json=body)

    assert created.status_code == 201
    $one = created.json()
    assert created.headers["Location"] == $location
$secrets    assert $one == {
        "id": str(uuid.UUID($one["id"])),
        $parent_id**body,
        "created_at": $one["created_at"],
        "updated_at": $one["updated_at"],
    }
    read = await client.get(created.headers["Location"])
    assert (read.status_code, read.json()) == (200, $one)
"""
OPTIONAL = """

async def test_${a_one_}_needs_no_more_than_what_is_required(client: AsyncClient) -> None:
$setup    body = $body
    for name in [$optional]:
        del body[name]

    created = await client.post($url, json=body)

    assert created.status_code == 201
    defaults: dict[str, Any] = {$defaults}
    assert {name: created.json()[name] for name in defaults} == defaults
"""
REQUIRED = """

@pytest.mark.parametrize("name", [$required])
async def test_what_is_required_must_be_there(client: AsyncClient, name: str) -> None:
$setup    body = $body
    del body[name]

    response = await client.post($url, json=body)

    assert response.status_code == 422
    assert [error["pointer"] for error in response.json()["errors"]] == [f"/body/{name}"]
"""
INVALID = """

INVALID: list[tuple[str, Any, str]] = [
    $invalid
    ("unheard_of", 1, ""),
]


@pytest.mark.parametrize(("name", "value", "item"), INVALID)
async def test_${a_one_}_that_is_not_valid_is_refused(
    client: AsyncClient, name: str, value: Any, item: str
) -> None:
$setup    body = $body

    response = await client.post($url, json=body | {name: value})

    assert response.status_code == 422
    assert response.json()["detail"] == "The request is not valid: see `errors`."
    assert [error["pointer"] for error in response.json()["errors"]] == [f"/body/{name}{item}"]


@pytest.mark.parametrize(("name", "value", "item"), $changes)
async def test_a_change_to_what_is_not_valid_is_refused(
    client: AsyncClient, name: str, value: Any, item: str
) -> None:
    $one = await create_$one(client)

    response = await client.patch($its_url, json={name: value})

    assert response.status_code == 422
    assert response.json()["detail"] == "The request is not valid: see `errors`."
    assert [error["pointer"] for error in response.json()["errors"]] == [f"/body/{name}{item}"]
"""
BOUNDS = """

@pytest.mark.parametrize(("name", "value"), [$accepted])
async def test_a_value_at_its_bounds_is_taken(client: AsyncClient, name: str, value: Any) -> None:
    $one = await create_$one(client, **{name: value})

    assert $bounded
"""
CHANGED = """

@pytest.mark.parametrize("name", [$mutable])
async def test_a_change_leaves_the_rest_as_it_is(client: AsyncClient, name: str) -> None:
    $one = await create_$one(client)
    value = ($body)[name]

    changed = await client.patch($its_url, json={name: value})

    assert changed.status_code == 200
    assert changed.json() == $one | {$value, "updated_at": changed.json()["updated_at"]}
    assert changed.json()["updated_at"] > $one["updated_at"]
    assert (await client.get($its_url)).json() == changed.json()
"""
NULLABLE = """

@pytest.mark.parametrize("name", [$nullable])
async def test_what_may_be_null_can_be_made_so(client: AsyncClient, name: str) -> None:
    $one = await create_$one(client)

    changed = await client.patch($its_url, json={name: None})

    assert changed.status_code == 200
    assert changed.json()$null
"""
IMMUTABLE = """

@pytest.mark.parametrize("name", IMMUTABLE)
async def test_what_is_immutable_cannot_be_changed(client: AsyncClient, name: str) -> None:
    $one = await create_$one(client)
    value = ($body)[name]

    response = await client.patch($its_url, json={name: value})

    assert response.status_code == 422
    assert [error["pointer"] for error in response.json()["errors"]] == [f"/body/{name}"]
    assert (await client.get($its_url)).json() == $one
"""
DELETED = """

async def test_a_deleted_${one}_is_gone(client: AsyncClient) -> None:
    $one = await create_$one(client)

    deleted = await client.delete($its_url)

    assert (deleted.status_code, deleted.content) == (204, b"")
    assert (await client.get($its_url)).status_code == 404


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
async def test_a_missing_${one}_is_not_found(client: AsyncClient, method: str) -> None:
$setup    ${one}_id = uuid.uuid4()

    response = await client.request(
        method, $a_url, json={} if method == "PATCH" else None, headers=ID
    )

    assert response.json() == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": f"There is no $One_ {${one}_id}.",
        "request_id": "test-request-1",
    }
"""
UNIQUE = """

@pytest.mark.parametrize("name", [$unique])
async def test_what_is_unique_can_be_used_once(client: AsyncClient, name: str) -> None:
$setup    $one = await create_$one($given)
    body = $body | {name: $one[name]}

    response = await client.post($url, json=body, headers=ID)

    assert response.json() == {
        "type": "about:blank",
        "title": "Conflict",
        "status": 409,
        "detail": "This is already taken.",
        "request_id": "test-request-1",
        "errors": [{"pointer": f"/body/{name}", "detail": f"{name} is already taken"}],
    }


async def test_of_many_who_want_the_same_at_once_one_gets_it(
    committing_client: AsyncClient,
) -> None:
$committing_setup    body = $committing_body

    responses = await asyncio.gather(
        *(committing_client.post($url, json=body) for _ in range(8))
    )

    assert sorted(response.status_code for response in responses) == [201] + [409] * 7
"""
TAKEN = """

@pytest.mark.parametrize("name", [$unique_mutable])
async def test_a_change_to_what_is_taken_is_refused(client: AsyncClient, name: str) -> None:
$setup    taken, $one = await create_$one($given), await create_$one($given)

    response = await client.patch($its_url, json={name: taken[name]})

    assert response.status_code == 409
    assert (await client.get($its_url)).json() == $one
"""


def routes_tests(resource: Resource) -> str:
    changing = [field for field in resource.mutable if not field.is_itself]
    parts = {
        HEADER: True,
        CREATED: True,
        OPTIONAL: len(resource.required) < len(resource.fields),
        REQUIRED: resource.required,
        INVALID: True,
        BOUNDS: any(field.kind.accepted for field in resource.fields),
        CHANGED: changing,
        NULLABLE: _nullable(resource),
        IMMUTABLE: len(resource.mutable) < len(resource.fields),
        DELETED: True,
        UNIQUE: _unique(resource),
        TAKEN: [field for field in _unique(resource) if field.is_mutable],
    }
    source = "".join(part for part, wanted in parts.items() if wanted)
    return Template(source).substitute(words_of(resource) | _words(resource))


def its_url(resource: Resource) -> str:
    """The URL of a row, which tests call by the name of the resource."""
    one = resource.singular
    return f"{one}_url({one})" if resource.parent else f"f\"{resource.path}/{{{one}['id']}}\""


def a_url(resource: Resource) -> str:
    """That of a row whose key is in a variable."""
    path = "{url}" if resource.parent else resource.path
    return f'f"{path}/{{{resource.singular}_id}}"'


def _words(resource: Resource) -> dict[str, str]:
    optional = [field for field in resource.fields if not field.is_required]
    secrets = [field for field in resource.fields if field.is_secret]
    parent = resource.parent.singular if resource.parent else ""
    shown = [field for field in optional if not field.is_secret]
    immutable = [field for field in resource.fields if not field.is_mutable]
    return {
        "a_one_": resource.words["a_one"].replace(" ", "_"),
        "location": its_url(resource),
        "its_url": its_url(resource),
        "a_url": a_url(resource),
        "parent_id": f'"{parent}_id": url.split("/")[2], ' if parent else "",
        "secrets": "    for name in SECRET:\n        del body[name]\n" if secrets else "",
        "optional": _quoted(optional),
        "defaults": ", ".join(
            f'"{field.name}": {field.default.answer if field.default else None}' for field in shown
        ),
        "required": _quoted(resource.required),
        "invalid": "\n    ".join(line for field in resource.fields for line in _invalid(field)),
        "changes": _changes(immutable),
        "accepted": _accepted(resource),
        "bounded": f"{resource.singular}{'.get(name, value)' if secrets else '[name]'} == value",
        "mutable": _quoted(field for field in resource.mutable if not field.is_itself),
        "value": _value(secrets),
        "nullable": _quoted(_nullable(resource)),
        "null": _null(secrets),
        "constants": _constants(immutable, secrets),
        "unique": _quoted(_unique(resource)),
        "unique_mutable": _quoted(field for field in _unique(resource) if field.is_mutable),
    }


def _unique(resource: Resource) -> list[Field]:
    """What examples have a value of: a reference to itself is null in them."""
    return [field for field in resource.unique if not field.is_itself]


def _nullable(resource: Resource) -> list[Field]:
    return [field for field in resource.mutable if field.nullable]


def _quoted(fields: Iterable[Field]) -> str:
    return ", ".join(f'"{field.name}"' for field in fields)


def _accepted(resource: Resource) -> str:
    return ", ".join(
        f'("{field.name}", {value})' for field in resource.fields for value in field.kind.accepted
    )


def _constants(immutable: list[Field], secrets: list[Field]) -> str:
    named = {"IMMUTABLE": immutable, "SECRET": secrets}
    return "".join(f"{name} = [{_quoted(found)}]\n" for name, found in named.items() if found)


def _changes(immutable: list[Field]) -> str:
    if not immutable:
        return "INVALID"
    return "[each for each in INVALID if each[0] not in IMMUTABLE]"


def _value(secrets: list[Field]) -> str:
    if not secrets:
        return "name: value"
    return "**({} if name in SECRET else {name: value})"


def _null(secrets: list[Field]) -> str:
    return ".get(name) is None" if any(field.nullable for field in secrets) else "[name] is None"


def _invalid(field: Field) -> list[str]:
    is_list = field.kind.column.startswith("ARRAY")
    values = [] if field.nullable else [("None", "")]
    values += [
        (value, "/0" if is_list and value.startswith("[") else "") for value in field.kind.refused
    ]
    return [f'("{field.name}", {value}, "{place}"),' for value, place in values]
