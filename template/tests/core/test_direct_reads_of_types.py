"""Direct reads of every type that SQLAlchemy knows in Postgres: the values are the ORM's."""

import enum
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from sqlalchemy import Column, Enum, MetaData, String, Table, TypeDecorator, select
from sqlalchemy import types as generic
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.dialects.postgresql.base import ischema_names
from sqlalchemy.orm import composite, registry

from app.core.database import Database
from app.core.direct_reads import find


class Colour(enum.Enum):
    red = "RED"


class Shout(TypeDecorator[str]):
    """Is in capitals in Python alone."""

    impl = String
    cache_ok = True

    def process_result_value(self, value: str | None, _: object) -> str | None:
        return value and value.upper()


RANGES = {
    pg.INT4RANGE: "[1,5)",
    pg.INT8RANGE: "[1,)",
    pg.NUMRANGE: "(1.5,2.5]",
    pg.DATERANGE: "[2026-01-01,2026-02-01)",
    pg.TSRANGE: "[2026-01-01 12:00,2026-01-02)",
    pg.TSTZRANGE: "empty",
}
MULTIRANGES = {
    pg.INT4MULTIRANGE: "{[1,3),[5,7)}",
    pg.INT8MULTIRANGE: "{}",
    pg.NUMMULTIRANGE: "{[1.5,2.5)}",
    pg.DATEMULTIRANGE: "{[2026-01-01,2026-02-01)}",
    pg.TSMULTIRANGE: "{[2026-01-01 12:00,)}",
    pg.TSTZMULTIRANGE: "{[2026-01-01 12:00+2,)}",
}
OTHERS: dict[Any, str] = {
    pg.INTEGER: "-7",
    pg.BIGINT: "9007199254740993",
    pg.SMALLINT: "7",
    pg.CHAR(3): "a",
    pg.VARCHAR(9): "ä 'b'",
    pg.TEXT: "",
    pg.NUMERIC: "NaN",
    pg.NUMERIC(9, 3): "1.500",
    pg.NUMERIC(asdecimal=False): "1.5",
    pg.FLOAT: "Infinity",
    pg.REAL: "0.1",
    pg.DOUBLE_PRECISION: "0.1",
    pg.BOOLEAN: "f",
    pg.BYTEA: r"\x00ff",
    pg.BIT(3): "101",
    pg.BIT(5, varying=True): "1",
    pg.UUID: "00000000-0000-4000-8000-000000000001",
    pg.UUID(as_uuid=False): "00000000-0000-4000-8000-000000000001",
    pg.DATE: "2026-01-31",
    pg.TIME: "12:30:00.000001",
    pg.TIME(timezone=True): "12:30:00+02",
    pg.TIMESTAMP: "2026-01-31 12:30:00.000001",
    pg.TIMESTAMP(timezone=True): "2026-01-31 12:30:00+02",
    pg.INTERVAL: "1 mon 2 days 00:00:03.5",
    generic.Interval: "36:00:00",
    pg.JSON: '{"b": 1, "a": [1.5, null]}',
    pg.JSONB: "[null]",
    pg.JSONPATH: "$.a",
    pg.INET: "10.0.0.1/8",
    pg.CIDR: "10.0.0.0/8",
    pg.MACADDR: "08:00:2b:01:02:03",
    pg.MACADDR8: "08:00:2b:01:02:03:04:05",
    pg.MONEY: "12.50",
    pg.OID: "26",
    pg.REGCLASS: "pg_class",
    pg.REGCONFIG: "simple",
    pg.TSVECTOR: "a:1 b:2",
    pg.TSQUERY: "a & b",
    pg.ENUM("RED", name="stored"): "RED",
    Enum(Colour, native_enum=False): "red",
    pg.ARRAY(pg.INTEGER): "{1,NULL}",
    pg.ARRAY(Enum(Colour, native_enum=False)): "{red}",
    pg.ARRAY(pg.NUMERIC(asdecimal=False)): "{1.5}",
    pg.DOMAIN("positive", pg.INTEGER): "7",
    Shout: "lamp",
}
OF_EXTENSIONS = {pg.HSTORE, pg.CITEXT}
SAMPLES = RANGES | MULTIRANGES | OTHERS


@dataclass
class Pair:
    left: int
    right: int


async def model(app: FastAPI, **properties: Any) -> Any:
    """A class with a column of each type, and two rows: the samples, and nulls."""
    columns = [Column(f"c{n}", kind) for n, kind in enumerate(SAMPLES)]
    table = Table("every", MetaData(), Column("id", pg.INTEGER, primary_key=True), *columns)
    entity = type("Every", (), {})
    registry().map_imperatively(
        entity, table, properties={name: build(table) for name, build in properties.items()}
    )
    values = ", ".join(f"""'{value.replace("'", "''")}'""" for value in SAMPLES.values())
    async with app.state.database.engine.begin() as connection:
        await connection.run_sync(table.metadata.create_all)
        await connection.exec_driver_sql(f"INSERT INTO every VALUES (1, {values})")  # noqa: S608
        await connection.exec_driver_sql("INSERT INTO every (id) VALUES (2)")
    return entity


async def values(database: Database, statement: Any, *, direct: bool) -> list[dict[str, Any]]:
    session = database.async_read_session_factory(direct=direct)
    found = (await session.scalars(statement)).all()
    return [
        {name: (type(value), repr(value)) for name, value in vars(each).items() if name[0] != "_"}
        for each in found
    ]


async def test_a_direct_read_has_the_orms_values_of_every_type(committing_app: FastAPI) -> None:
    database, entity = committing_app.state.database, await model(committing_app)
    statement = select(entity).order_by(entity.id)

    by_the_orm = await values(database, statement, direct=False)
    found = [await values(database, statement, direct=True) for _ in range(3)]

    assert found == [by_the_orm] * 3
    assert find(statement)
    assert {*by_the_orm[1].values()} == {(int, "2"), (type(None), "None")}
    assert not [name for name, value in by_the_orm[0].items() if value[1] == "None"]


def test_every_type_is_among_them() -> None:
    known = {kind for kind in ischema_names.values() if isinstance(kind, type)}

    tried = {kind if isinstance(kind, type) else type(kind) for kind in SAMPLES}

    assert known - tried - OF_EXTENSIONS == {String}  # of names in the catalogue


async def test_a_composite_stays_with_the_orm(committing_app: FastAPI) -> None:
    database = committing_app.state.database
    numbers = [f"c{n}" for n, kind in enumerate(SAMPLES) if kind in (pg.INTEGER, pg.SMALLINT)]
    entity = await model(
        committing_app, pair=lambda table: composite(Pair, *(table.c[name] for name in numbers))
    )
    statement = select(entity).order_by(entity.id)

    for _ in range(3):
        pair = (await database.read().scalars(statement)).first().pair

    assert pair == Pair(-7, 7)
    assert find(statement) is None
