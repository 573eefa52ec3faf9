"""`routes.py`: URLs and status codes."""

from string import Template

from fleet.resource import names
from fleet.resource.resource import Field, Resource
from fleet.resource.written.service import filter_arguments

HEADER = '''"""URLs and status codes of $Many_."""

import uuid
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import AwareDatetime

from app.core.auth import requires
from app.core.conditional import IfMatch, IfNoneMatch, tagged
from app.core.database import ReadSessionDep, SessionDep
from app.core.errors import problems
from app.core.idempotency import idempotent
from app.core.pagination import ${imported_after}Limit, Page, PageRead, cursor_of
from app.core.schemas import Line, Name, Text
from app.$many import service
from app.$many.models import $models
from app.$many.schemas import ${One}Create, ${One}Read, ${One}Summary, ${One}Update
$aliases
${after}router = APIRouter(prefix="$path")
'''
ROUTES = '''

@router.get("/{${one}_id}", ${reads}response_model=${One}Read, responses=problems(404))
async def get_$one(
    session: ReadSessionDep, ${takes}${one}_id: uuid.UUID$get_takes
) -> $One:
    """Get one $One_."""
    return $got


${router}.post(
    "", ${writes}response_model=${One}Read, status_code=201, responses=problems($created)
)
async def create_$one(
    session: SessionDep, ${takes}data: ${One}Create, request: Request, response: Response
) -> $One:
    """Create $a_one.${taken}"""
    $one = await service.create_$one(session, ${gives}data)
    response.headers["Location"] = request.url_for("get_$one", ${names}${one}_id=$one.id).path
    return $made


@router.patch(
    "/{${one}_id}", ${writes}response_model=${One}Read, responses=problems($updated)
)
async def update_$one(
    session: SessionDep, ${takes}${one}_id: uuid.UUID, data: ${One}Update$update_takes
) -> $One:
    """Change what is given; what is left out stays as it is."""
    return $changed


@router.delete("/{${one}_id}", ${writes}status_code=204, responses=problems($deleted))
async def delete_$one(
    session: SessionDep, ${takes}${one}_id: uuid.UUID$delete_takes
) -> None:
    """Delete $a_one."""
    await service.delete_$one(session, ${gives}${one}_id$versions)
'''


def routes(resource: Resource) -> str:
    parent = f"{resource.parent.singular}_id" if resource.parent else ""
    enums = [field.python for field in resource.filters if field.python]
    words = resource.words | {
        "models": ", ".join([resource.python, *enums]),
        "aliases": _aliases(resource),
        "takes": f"{parent}: uuid.UUID, " if parent else "",
        "gives": f"{parent}, " if parent else "",
        "names": f"{parent}={parent}, " if parent else "",
        "reads": _requires(resource, "read"),
        "writes": _requires(resource, "write"),
        "created": ", ".join((["404"] if parent else []) + ["409"]),
        "updated": "404, 409",
        "deleted": "404, 409",
        "taken": _taken(resource.unique),
        "imported_after": "After, " if resource.order.is_by_time else "",
        "after": _after(resource),
        "router": "@idempotent(router)" if resource.is_idempotent else "@router",
        **_conditional(resource, f"{parent}, " if parent else ""),
    }
    return Template(HEADER + _list(resource) + ROUTES).substitute(words)


def _conditional(resource: Resource, gives: str) -> dict[str, str]:
    """What ETags bring: parameters, and what becomes of the answers."""
    one, etag = resource.singular, resource.has_etag
    got = f"await service.get_{one}(session, {gives}{one}_id)"
    versions = ", versions=seen" if etag else ""
    changed = f"await service.update_{one}(session, {gives}{one}_id, data{versions})"
    takes = ", response: Response, seen: {} = None" if etag else ""
    return {
        "get_takes": takes.format("IfNoneMatch"),
        "got": f"tagged({got}, response, seen)" if etag else got,
        "made": f"tagged({one}, response)" if etag else one,
        "update_takes": takes.format("IfMatch"),
        "changed": f"tagged({changed}, response)" if etag else changed,
        "delete_takes": ", seen: IfMatch = None" if etag else "",
        "versions": versions,
    }


def _after(resource: Resource) -> str:
    """The cursor of an order of its own."""
    if resource.order.is_by_time:
        return ""
    key = f"service.{resource.order.key}"
    return f"After = Annotated[{key} | None, Depends(cursor_of({key}))]\n\n"


def _aliases(resource: Resource) -> str:
    aliases = [field.alias for field in resource.filters if field.alias]
    module = f"app.{resource.plural}.schemas"
    return f"from {module} import {', '.join(aliases)}\n" if aliases else ""


def _requires(resource: Resource, what: str) -> str:
    scope = f"{resource.plural.replace('_', '-')}:{what}"
    return f'dependencies=[requires("{scope}")], ' if resource.has_auth else ""


def _taken(unique: list[Field]) -> str:
    named = " and ".join(field.name.replace("_", " ") for field in unique)
    return f" Its {named} must not be taken." if unique else ""


def _list(resource: Resource) -> str:
    arguments = filter_arguments(resource)
    given = "".join(f", {name}={name}" for name, _, _ in arguments)
    parameters = [*map(_equal, resource.filters), *map(_prefix, resource.searches)]
    missing = ", responses=problems(404)" if resource.parent else ""
    return (
        '\n\n@router.get("", ${reads}' + f"response_model=PageRead[{resource.listed}]{missing})\n"
        f"async def list_$many(\n"
        "    session: ReadSessionDep,\n    ${takes}after: After,\n    limit: Limit = 20,\n"
        f"{''.join(parameters)}) -> Page[$One]:\n"
        f'    """List $Many_, {resource.order}, a page at a time."""\n'
        f"    return await service.list_$many(session, ${{gives}}limit=limit, after=after{given})\n"
    )


def _equal(field: Field) -> str:
    kind, name = f"{field.alias or field.kind.taken} | None", names.argument(field.name)
    if name != field.name:
        kind = f'Annotated[{kind}, Query(alias="{field.name}")]'
    return f"    {name}: {kind} = None,\n"


def _prefix(field: Field) -> str:
    most = field.kind.column.removeprefix("String(").removesuffix(")")
    annotated = f"Annotated[Text, Query(max_length={most})]"
    return f'    {field.name}_prefix: {annotated} = "",\n'
