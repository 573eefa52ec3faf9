from types import SimpleNamespace

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.core.config import Settings
from app.core.database import open_database
from app.core.postgres.sqlstate import sqlstate


@pytest.mark.parametrize(
    ("reported", "is_left"),
    [
        ({"in_hot_standby": "on"}, True),
        ({"default_transaction_read_only": "on"}, True),
        ({"in_hot_standby": "off", "default_transaction_read_only": "off"}, False),
        ({}, False),  # by a pooler
    ],
)
async def test_a_server_that_refuses_writes_is_left(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, reported: dict[str, str], is_left: bool
) -> None:
    told = SimpleNamespace(**reported)
    monkeypatch.setattr(asyncpg.Connection, "get_settings", lambda _: told)

    async with open_database(settings) as database:
        async with database.engine.connect() as connection:
            monkeypatch.undo()  # as when it is promoted
            before = await connection.scalar(text("SELECT pg_backend_pid()"))
            await connection.execute(text("SET TRANSACTION READ ONLY"))
            with pytest.raises(DBAPIError) as error:
                await connection.execute(text("CREATE TABLE refused ()"))
        async with database.session() as session:
            after = await session.scalar(text("SELECT pg_backend_pid()"))

    assert sqlstate(error.value) == "25006"
    assert error.value.connection_invalidated is is_left
    assert (after != before) is is_left
