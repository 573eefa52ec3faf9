"""`service.py`: what one can do with a resource."""

from string import Template

from fleet.resource import names
from fleet.resource.resource import Field, Resource

HEADER = '''"""What one can do with $Many_.

Nothing here knows about HTTP; nothing here commits.
"""

import uuid
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from pydantic import AwareDatetime
from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import defer

from app.core.errors import NotFoundError
from app.core.pagination import Cursor, Listing, Page
from app.core.schemas import Name
from app.core.writes import Versions, change, check_version, create
from app.$many.models import $One
from app.$many.schemas import ${One}Create, ${One}Update
'''
TOP = """

async def get_$one(
    session: AsyncSession, ${one}_id: uuid.UUID, *, for_update: bool = False
) -> $One:
    $one = await session.get($One, ${one}_id, with_for_update=for_update or None)
    if $one is None:
        raise NotFoundError(f"There is no $One_ {${one}_id}.")
    return $one


async def create_$one(session: AsyncSession, data: ${One}Create) -> $One:
    return await create(session, $One, data.model_dump())


async def update_$one(
    session: AsyncSession, ${one}_id: uuid.UUID, data: ${One}Update$versions
) -> $One:
    values = data.model_dump(exclude_unset=True)
    $one = await change(session, $One, ${one}_id, values$its_versions)
    return $one or await get_$one(session, ${one}_id)  # which raises


async def delete_$one(session: AsyncSession, ${one}_id: uuid.UUID$versions) -> None:
    $one = await get_$one(session, ${one}_id, for_update=True)
$check    await session.delete($one)
"""
NESTED = """

async def get_$one(
    session: AsyncSession,
    ${parent}_id: uuid.UUID,
    ${one}_id: uuid.UUID,
    *,
    for_update: bool = False
) -> $One:
    $one = await session.get($One, ${one}_id, with_for_update=for_update or None)
    if $one is None or $one.${parent}_id != ${parent}_id:
        raise NotFoundError(f"There is no $One_ {${one}_id}.")
    return $one


async def create_$one(
    session: AsyncSession, ${parent}_id: uuid.UUID, data: ${One}Create
) -> $One:
    await get_$parent(session, ${parent}_id)  # which raises where there is none
    values = {"${parent}_id": ${parent}_id, **data.model_dump()}
    return await create(session, $One, values)


async def update_$one(
    session: AsyncSession,
    ${parent}_id: uuid.UUID,
    ${one}_id: uuid.UUID,
    data: ${One}Update$versions
) -> $One:
    await get_$one(session, ${parent}_id, ${one}_id)
    values = data.model_dump(exclude_unset=True)
    $one = await change(session, $One, ${one}_id, values$its_versions)
    return $one or await get_$one(session, ${parent}_id, ${one}_id)  # which raises


async def delete_$one(
    session: AsyncSession, ${parent}_id: uuid.UUID, ${one}_id: uuid.UUID$versions
) -> None:
    $one = await get_$one(session, ${parent}_id, ${one}_id, for_update=True)
$check    await session.delete($one)
"""


def service(resource: Resource) -> str:
    imports = ""
    if resource.parent:
        parent = resource.parent
        imports = f"from app.{parent.plural}.service import get_{parent.singular}\n"
    classes = [field.python for field in resource.filters if field.python]
    if classes:
        imports += f"from app.{resource.plural}.models import {', '.join(classes)}\n"
    rest = NESTED if resource.parent else TOP
    if resource.sorted_by and resource.sorted_by.alias:
        imports += f"from app.{resource.plural}.schemas import {resource.sorted_by.alias}\n"
    source = HEADER + imports + _listing(resource) + _list(resource) + rest
    etag = resource.has_etag
    return Template(source).substitute(
        resource.words,
        versions=", *, versions: Versions = None" if etag else "",
        its_versions=", versions=versions" if etag else "",
        check="    check_version($one, versions)\n".replace("$one", resource.singular)
        if etag
        else "",
    )


def _listing(resource: Resource) -> str:
    rows = "select($One)"
    lines = "\n"
    if resource.large:
        large = [field.name for field in resource.large]
        deferred = ", ".join(f"defer($One.{name}, raiseload=True)" for name in large)
        lines, rows = f"\nSUMMARIES = select($One).options({deferred})\n", "SUMMARIES"
    order = resource.order
    last = ", descending=True" if order.descending else ""
    columns = f"$One.{order.column}, $One.id{last}"
    return f"{_key(resource)}{lines}{order.listing} = Listing({rows}, {order.key}, {columns})\n"


def _key(resource: Resource) -> str:
    """The class of a row's place in an order of its own."""
    if not (field := resource.sorted_by):
        return ""
    return (
        f'\n\nclass {resource.order.key}(NamedTuple):\n    """A place in a list."""\n\n'
        f"    {field.name}: {field.taken}\n    id: uuid.UUID\n\n"
    )


def filter_arguments(resource: Resource) -> list[tuple[str, str, str]]:
    """The names of the parameters that filter a list, their types and their defaults."""
    equal = [
        (names.argument(field.name), f"{field.kind.python} | None", "None")
        for field in resource.filters
    ]
    return equal + [(f"{field.name}_prefix", "str", '""') for field in resource.searches]


def _list(resource: Resource) -> str:
    arguments = filter_arguments(resource)
    parent = "${parent}_id: uuid.UUID, " if resource.parent else ""
    listed = "".join(f", {name}: {kind} = {value}" for name, kind, value in arguments)
    without = f" without {_names(resource.large)}" if resource.large else ""
    conditions = [f"$One.{parent_id} == {parent_id}" for parent_id in _parent_id(resource)]
    where = _where(resource, conditions)
    starred = "*where, " if where else "".join(f"{each}, " for each in conditions)
    call = f"{resource.order.listing}.page(session, {starred}limit=limit, after=after)"
    answer = f"    return await {call}\n"
    if resource.parent:
        answer = (
            f"    page = await {call}\n"
            "    if not page.items:\n"
            "        await get_$parent(session, ${parent}_id)  # which raises where there is none\n"
            "    return page\n"
        )
    return (
        f"\n\nasync def list_$many(\n    session: AsyncSession, {parent}*, limit: int,"
        f" after: {resource.order.key} | None = None{listed}\n) -> Page[$One]:\n"
        f'    """$Many{without}, {resource.order}."""\n{where}{answer}'
    )


def _where(resource: Resource, conditions: list[str]) -> str:
    found = [*map(_equal, resource.filters), *map(_prefix, resource.searches)]
    if not found:
        return ""
    if len(found) == 1 and not conditions:
        condition, given = found[0]
        return f"    where = [{condition}] if {given} else []\n"
    start = f"    where: list[ColumnElement[bool]] = [{', '.join(conditions)}]\n"
    each = "".join(f"    if {given}:\n        where.append({one})\n" for one, given in found)
    return start + each


def _equal(field: Field) -> tuple[str, str]:
    name = names.argument(field.name)
    return f"$One.{field.name} == {name}", f"{name} is not None"


def _prefix(field: Field) -> tuple[str, str]:
    name = f"{field.name}_prefix"
    return f"$One.{field.name}.startswith({name}, autoescape=True)", name


def _parent_id(resource: Resource) -> list[str]:
    return ["${parent}_id"] if resource.parent else []


def _names(fields: list[Field]) -> str:
    return " and ".join(field.name for field in fields)
