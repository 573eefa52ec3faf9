"""`models.py`: the table."""

from fleet.resource import names
from fleet.resource.defaults import member
from fleet.resource.resource import Field, Resource

HEADER = """
import uuid
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    ARRAY, BigInteger, Boolean, CheckConstraint, Date, DateTime, Double, Enum, ForeignKey, Index,
    Integer, Interval, Numeric, String, Text, Uuid
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.core.database import Base
from app.core.models import RecordMixin, VersionMixin
"""
VALUES = '''

def _values(enum: type[StrEnum]) -> list[str]:
    """An enum of Postgres has the values, not the names of Python."""
    return [each.value for each in enum]
'''


def models(resource: Resource) -> str:
    enums = [field for field in resource.fields if field.values]
    others = {field.other for field in resource.references} | {resource.parent}
    versions = "VersionMixin, " if resource.has_etag else ""
    imports = sorted(
        f"from app.{other.plural}.models import {other.python}\n" for other in others if other
    )
    return "".join(
        [
            HEADER,
            *imports,
            *map(_enum, enums),
            VALUES if enums else "",
            f"\n\nclass {resource.python}({versions}RecordMixin, Base):\n",
            f'    __tablename__ = "{resource.singular}"\n\n',
            *([_parent(resource)] if resource.parent else []),
            *(_column(resource, field) for field in resource.fields),
            f"\n    __table_args__ = (\n{''.join(_arguments(resource))}    )\n",
        ]
    )


def _enum(field: Field) -> str:
    members = "".join(f'    {member(value)} = "{value}"\n' for value in field.values)
    return f"\n\nclass {field.python}(StrEnum):\n{members}"


def _parent(resource: Resource) -> str:
    assert resource.parent
    key = f"ForeignKey({resource.parent.python}.id)"
    return f"    {resource.parent.singular}_id: Mapped[uuid.UUID] = mapped_column({key})\n"


def _column(resource: Resource, field: Field) -> str:
    kind = field.kind.column
    if field.is_reference:
        target = f"{field.other.python}.id" if field.other else f'"{resource.singular}.id"'
        kind = f"ForeignKey({target})"
    arguments = [kind]
    if "unique" in field.options:
        arguments.append("unique=True")
    if field.default:
        arguments.append(f"server_default={field.default.server}")
    python = f"{field.kind.python}{' | None' if field.nullable else ''}"
    return f"    {field.name}: Mapped[{python}] = mapped_column({', '.join(arguments)})\n"


def _arguments(resource: Resource) -> list[str]:
    order = f'"{resource.order.column}", "id"'
    first = f'"{resource.parent.singular}_id", ' if resource.parent else ""
    lines = [f"        Index(None, {first}{order}),  # the order of the list\n"]
    lines += [f'        Index(None, "{name}", {order}),\n' for name in resource.indexed]
    for field in resource.searches:
        lines += [
            "        # Serves `LIKE 'prefix%'`, as no other index does.\n",
            f'        Index(None, "{field.name}", postgresql_ops={{"{field.name}":'
            ' "text_pattern_ops"}),\n',
        ]
    for field in resource.fields:
        if field.kind.check:
            condition = field.kind.check.format(names.quoted(field.name))
            lines.append(f'        CheckConstraint({condition!r}, name="{field.name}"),\n')
    return lines
