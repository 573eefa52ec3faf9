import traceback

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.core.database import Database

REFUSED = [
    ("INSERT INTO thing (name) VALUES (NULL), (:value)", 'column "name"'),
    ("INSERT INTO thing (name) VALUES (:value), (:value)", '"thing_name_key"'),
    ("INSERT INTO thing (name, size) VALUES (:value, 0)", '"thing_size_positive_check"'),
    ("SELECT CAST(:value AS integer)", "query argument $1 ***"),
    ("SELECT CAST(:value AS uuid)", "query argument $1 ***"),
    ("SELECT CAST(CAST(:value AS text) AS integer)", "invalid input syntax for type integer ***"),
    ("SELECT CAST(CAST(:value AS text) AS json)", "invalid input syntax for type json"),
    (
        "SELECT CAST(repeat('9', 1 + length(CAST(:value AS text))) AS smallint)",
        "value *** is out of range for type smallint",
    ),
]


@pytest.mark.parametrize(("statement", "told"), REFUSED)
async def test_the_traceback_of_a_refusal_tells_names_and_no_values(
    database: Database, things: None, statement: str, told: str
) -> None:
    values = {"value": "hunter2"}  # not below: a traceback quotes its lines of code

    with pytest.raises(DBAPIError) as error:
        async with database.session() as session:
            await session.execute(text(statement), values)

    logged = "".join(traceback.format_exception(error.value))
    assert told in logged
    assert "hunter2" not in logged
    assert "99999999" not in logged


async def test_what_tells_no_row_is_kept(database: Database) -> None:
    detail = "Process 1 waits for process 2."
    raise_error = f"RAISE EXCEPTION 'no' USING ERRCODE = '40P01', DETAIL = '{detail}'"

    with pytest.raises(DBAPIError) as error:
        async with database.session() as session:
            await session.execute(text(f"DO $$ BEGIN {raise_error}; END $$"))

    assert f"DETAIL:  {detail}" in "".join(traceback.format_exception(error.value))
