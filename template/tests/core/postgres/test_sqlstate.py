import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, InvalidRequestError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.postgres.sqlstate import sqlstate


async def test_the_code_of_a_database_error_is_postgres_s_own(connection: AsyncConnection) -> None:
    with pytest.raises(DBAPIError) as error:
        await connection.execute(text("SELECT 1 / 0"))

    assert sqlstate(error.value) == "22012"


@pytest.mark.parametrize("error", [InvalidRequestError("no"), ConnectionRefusedError("no")])
def test_an_error_that_postgres_did_not_send_has_no_code(error: Exception) -> None:
    assert sqlstate(error) == ""
