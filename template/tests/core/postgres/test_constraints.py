import pytest
from sqlalchemy import CheckConstraint, Column, Index, Integer, MetaData, Table, UniqueConstraint
from sqlalchemy.exc import IntegrityError

from app.core.postgres.constraints import violated, violated_columns

METADATA = MetaData()
LAMP = Table(
    "lamp",
    METADATA,
    Column("room", Integer),
    Column("place", Integer),
    Column("watts", Integer),
    UniqueConstraint("room", "place", name="lamp_room_place_key"),
    CheckConstraint("watts > 0 AND watts < room", name="lamp_watts_check"),
)
Index("ix_lamp_watts", LAMP.c.watts, unique=True)


class RefusedError(Exception):
    pass


def refusal(**named: str) -> IntegrityError:
    """As SQLAlchemy raises it: asyncpg's own error is the cause of the adapter's."""
    adapted = Exception()
    adapted.__cause__ = RefusedError()
    vars(adapted.__cause__).update(named)
    return IntegrityError("INSERT", None, adapted)


@pytest.mark.parametrize(
    ("named", "columns"),
    [
        ({"column_name": "room"}, ["room"]),
        ({"constraint_name": "lamp_room_place_key"}, ["room", "place"]),
        ({"constraint_name": "lamp_watts_check"}, ["room", "watts"]),
        ({"constraint_name": "ix_lamp_watts"}, ["watts"]),
        ({"constraint_name": "made_by_hand"}, []),
        ({}, []),
    ],
)
def test_a_constraint_has_columns(named: dict[str, str], columns: list[str]) -> None:
    assert violated_columns(refusal(**named), METADATA) == columns


def test_what_postgres_does_not_name_is_none() -> None:
    assert violated(refusal(table_name="lamp")) == {
        "table_name": "lamp",
        "column_name": None,
        "constraint_name": None,
    }
