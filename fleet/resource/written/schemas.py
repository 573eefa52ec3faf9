"""`schemas.py`: what clients send and receive."""

from collections.abc import Iterable

from fleet.resource.resource import Field, Resource

HEADER = """
import uuid
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Annotated

from pydantic import (
    AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, FiniteFloat, JsonValue
)
from pydantic_core import to_json

from app.core.schemas import JsonObject, Line, Name, RequestModel, Text, omittable
"""
JSON = '''
LARGEST_JSON = 16_384


def _limit_size(value: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """What takes long to write as JSON would keep all other requests waiting."""
    if len(to_json(value)) > LARGEST_JSON:
        raise ValueError(f"must not be larger than {LARGEST_JSON} bytes as JSON")
    return value


Json = Annotated[JsonObject, AfterValidator(_limit_size)]
'''
ANSWER = """
    model_config = ConfigDict(from_attributes=True)

    id: uuid.UUID
"""
TIMES = """    created_at: datetime
    updated_at: datetime
"""


def schemas(resource: Resource) -> str:
    one, small = resource.python, [f for f in resource.answered if not f.kind.is_large]
    enums = ", ".join(field.python for field in resource.fields if field.python)
    parts = [
        HEADER,
        f"from app.{resource.plural}.models import {enums}\n" if enums else "",
        JSON if any(field.kind.taken == "Json" for field in resource.fields) else "",
        "\n",
        *(f"{field.alias} = {field.kind.taken}\n" for field in resource.fields if field.alias),
        f"\n\nclass {one}Create(RequestModel):\n",
        *map(_created, resource.fields),
        f'\n\nclass {one}Update(RequestModel):\n    """What is left out stays as it is."""\n\n',
        *map(_updated, resource.mutable),
    ]
    if resource.large:
        what = _and(field.name for field in resource.large)
        words, many = resource.words, "which makes it large"
        many = "which make it large" if resource.large[1:] else many
        parts.append(f"\n\nclass {one}Summary(BaseModel):\n")
        parts.append(f'    """{words["A_one"]} of a list: without {what}, {many}."""\n')
        parts += _answer(resource, small)
    parts.append(f"\n\nclass {one}Read(BaseModel):")
    parts += _answer(resource, resource.answered)
    return "".join(parts)


def _answer(resource: Resource, fields: list[Field]) -> list[str]:
    parent = [f"    {resource.parent.singular}_id: uuid.UUID\n"] if resource.parent else []
    return [
        ANSWER,
        *parent,
        *(f"    {field.name}: {field.answered}\n" for field in fields),
        TIMES,
    ]


def _created(field: Field) -> str:
    options = ["repr=False"] if field.is_secret else []
    if field.default:
        default = field.default.schema
        if default.startswith("Field("):
            options.insert(0, default.removeprefix("Field(").removesuffix(")"))
        elif options:
            options.insert(0, f"default={default}")
        else:
            return f"    {field.name}: {field.taken} = {default}\n"
    elif field.nullable:
        if not options:
            return f"    {field.name}: {field.taken} = None\n"
        options.insert(0, "default=None")
    value = f" = Field({', '.join(options)})" if options else ""
    return f"    {field.name}: {field.taken}{value}\n"


def _updated(field: Field) -> str:
    taken = f"Annotated[{field.taken}, Field(repr=False)]" if field.is_secret else field.taken
    return f"    {field.name}: {taken} = omittable()\n"


def _and(words: Iterable[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last
