"""`tests/.../examples.py`: what tests make, and those of other resources too."""

from string import Template

from fleet.resource.resource import Resource

EXAMPLES = '''"""$Many for the tests."""

import uuid
from datetime import date, datetime, timedelta
from itertools import count
from typing import Any

from httpx2 import AsyncClient
$imports
NUMBERS = count(1)


${define}_body($takes) -> dict[str, Any]:
    """All that $a_one may have: no two are the same."""
    number = next(NUMBERS)
    return {$values}
$place

async def create_$one(client: AsyncClient, $with_url**values: Any) -> dict[str, Any]:
    """$A_one that was created, as it was answered."""
    created = await client.post($url, json=$body | values)
    assert created.status_code == 201, created.text
    $one: dict[str, Any] = created.json()
    return $one
'''
PLACE = '''

async def ${many}_url(client: AsyncClient) -> str:
    """Where the $Many_ of a new $Parent_ are."""
    $parent = await create_$parent(client)
    return f"$place_of"


def ${one}_url($one: dict[str, Any]) -> str:
    return f"$its_place"

'''


def examples(resource: Resource) -> str:
    awaits = uses_client(resource)
    values = ", ".join(f'"{field.name}": {field.kind.example}' for field in resource.fields)
    words = words_of(resource) | {
        "imports": imports_of_others(resource),
        "define": f"{'async ' if awaits else ''}def {resource.singular}",
        "takes": "client: AsyncClient" if awaits else "",
        "values": f"{values},",
        "place": PLACE if resource.parent else "",
        "with_url": 'url: str = "", ' if resource.parent else "",
    }
    source = Template(EXAMPLES).substitute(words)
    if not resource.parent:
        return source
    words["url"] = f"url or await {resource.plural}_url(client)"
    parent = resource.parent.singular
    words["place_of"] = resource.path.replace(f"{{{parent}_id}}", f"{{{parent}['id']}}")
    own = resource.path.replace(f"{{{parent}_id}}", f"{{{resource.singular}['{parent}_id']}}")
    words["its_place"] = f"{own}/{{{resource.singular}['id']}}"
    words["place"] = Template(PLACE).substitute(words)
    return Template(EXAMPLES).substitute(words)


def imports_of_others(resource: Resource) -> str:
    others = {field.other for field in resource.references} | {resource.parent}
    return "".join(
        f"from tests.{each.plural}.examples import create_{each.singular}\n"
        for each in others
        if each
    )


def uses_client(resource: Resource) -> bool:
    return any(field.other for field in resource.references)


def words_of(resource: Resource) -> dict[str, str]:
    """The words of templates of tests: how to make a body, and where to send it."""
    one, many, parent = resource.singular, resource.plural, resource.parent
    calls = f"await {one}_body(client)" if uses_client(resource) else f"{one}_body()"
    return resource.words | {
        "Parent_": parent.singular.replace("_", " ") if parent else "",
        "body": calls,
        "url": "url" if parent else f'"{resource.path}"',
        "setup": f"    url = await {many}_url(client)\n" if parent else "",
        "committing_setup": f"    url = await {many}_url(committing_client)\n" if parent else "",
        "given": "client, url" if parent else "client",
        "names": f"{one}_body, create_{one}" + (f", {one}_url, {many}_url" if parent else ""),
        "module": f"tests.{many}.examples",
        "committing_body": calls.replace("client", "committing_client"),
    }
