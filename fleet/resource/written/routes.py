"""`routes.py`: URLs and status codes."""

from string import Template

from fleet.resource import names
from fleet.resource.resource import Field, Resource
from fleet.resource.written.service import filter_arguments, too_many

HEADER = '''"""URLs and status codes of $Many_."""

import uuid
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import AwareDatetime

from app.core.auth import requires
from app.core.conditional import IfMatch, IfNoneMatch, tagged
from app.core.database import ReadSessionDep, SessionDep
from app.core.errors import problems
from app.core.idempotency import idempotent
from app.core.pagination import After, Limit, Page, PageRead
from app.core.schemas import Line, Name, Text
from app.$many import service
from app.$many.models import $models
from app.$many.schemas import ${One}Create, ${One}Read, ${One}Summary, ${One}Update
$aliases
router = APIRouter(prefix="$path")
'''
ROUTES = '''

@router.get("/{${one}_id}", ${reads}response_model=${One}Read, responses=problems(404))
async def get_$one(
    session: ReadSessionDep, ${takes}${one}_id: uuid.UUID, response: Response,
    seen: IfNoneMatch = None
) -> $One:
    """Get one $One_."""
    return tagged(await service.get_$one(session, ${gives}${one}_id), response, seen)


@idempotent(router).post(
    "", ${writes}response_model=${One}Read, status_code=201, responses=problems($created)
)
async def create_$one(
    session: SessionDep, ${takes}data: ${One}Create, request: Request, response: Response
) -> $One:
    """Create $a_one.${taken}"""
    $one = await service.create_$one(session, ${gives}data)
    response.headers["Location"] = request.url_for("get_$one", ${names}${one}_id=$one.id).path
    return tagged($one, response)


@router.patch(
    "/{${one}_id}", ${writes}response_model=${One}Read, responses=problems($updated)
)
async def update_$one($noqa
    session: SessionDep,
    ${takes}${one}_id: uuid.UUID,
    data: ${One}Update,
    response: Response,
    seen: IfMatch = None,
) -> $One:
    """Change what is given; what is left out stays as it is."""
    return tagged(
        await service.update_$one(session, ${gives}${one}_id, data, versions=seen), response
    )


@router.delete("/{${one}_id}", ${writes}status_code=204, responses=problems($deleted))
async def delete_$one(
    session: SessionDep, ${takes}${one}_id: uuid.UUID, seen: IfMatch = None
) -> None:
    """Delete $a_one."""
    await service.delete_$one(session, ${gives}${one}_id, versions=seen)
'''
NOQA = "  # noqa: PLR0913, PLR0917  # one for each part of the request"


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
        "noqa": NOQA if parent else "",
    }
    return Template(HEADER + _list(resource) + ROUTES).substitute(words)


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
    note = ""
    if too_many(resource, arguments):
        note = "  # noqa: PLR0913, PLR0917  # one for each filter"
    missing = ", responses=problems(404)" if resource.parent else ""
    return (
        '\n\n@router.get("", ${reads}' + f"response_model=PageRead[{resource.listed}]{missing})\n"
        f"async def list_$many({note}\n"
        "    session: ReadSessionDep,\n    ${takes}after: After,\n    limit: Limit = 20,\n"
        f"{''.join(parameters)}) -> Page[$One]:\n"
        '    """List $Many_, oldest first, a page at a time."""\n'
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
