"""Conventions of the code that no type and no linter holds."""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from sqlalchemy import (
    Column,
    Integer,
    MetaData,
    Table,
    UniqueConstraint,
)

from app.core.database import (
    Base,
    Database,
)
from tests.things import names

APP = Path(__file__).parents[1] / "app"


def test_routes_use_the_aliases() -> None:
    """A bare `Depends(get_session)` would commit after the response, in a session of its own."""
    bare = [
        str(path.relative_to(APP))
        for path in APP.rglob("*.py")
        if path != APP / "core" / "database.py"
        and re.search(r"get_(read_)?session\b", path.read_text())
    ]

    assert bare == []


def test_services_do_not_commit() -> None:
    """The request's session does, once, when the handler has returned."""
    committing = [
        path.parent.name for path in APP.glob("*/service.py") if ".commit(" in path.read_text()
    ]

    assert committing == []


def test_two_constraints_of_one_table_do_not_share_a_name() -> None:
    table = Table(
        "thing",
        MetaData(naming_convention=Base.metadata.naming_convention),
        *(Column(name, Integer) for name in "abc"),
        UniqueConstraint("a", "b"),
        UniqueConstraint("a", "c"),
    )

    names = {str(constraint.name) for constraint in table.constraints}
    assert names == {"thing_pkey", "thing_a_b_key", "thing_a_c_key"}


async def test_queries_are_counted(
    database: Database, things: None, assert_queries: Callable[[int], AbstractContextManager[None]]
) -> None:
    with assert_queries(1):
        await names(database)
    with pytest.raises(AssertionError, match=r"SELECT thing\.name"), assert_queries(2):
        await names(database)
