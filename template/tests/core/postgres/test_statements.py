import asyncio

from sqlalchemy import text

from app.core.database import Database
from app.core.postgres.statements import Statements, count_statements


async def test_a_task_counts_its_own_statements(shared_database: Database) -> None:
    async def run(count: int) -> Statements:
        statements = count_statements()
        async with shared_database.read() as session:
            for _ in range(count):
                await session.execute(text("SELECT pg_sleep(0.001)"))
        return statements

    one, three = await asyncio.gather(run(1), run(3))

    assert (one.count, three.count) == (1, 3)
    assert one.seconds >= 0.001
    assert three.seconds >= 0.003
