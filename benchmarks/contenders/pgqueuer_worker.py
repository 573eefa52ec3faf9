# mypy: ignore-errors
"""PgQueuer's own loop, with the work of `benchmarks/jobs.py` by asyncpg. Run as a script."""

import asyncio
import json
import os

import asyncpg
from pgqueuer import PgQueuer
from pgqueuer.models import Job

NOTE = "INSERT INTO note (number) VALUES ($1)"


async def main() -> None:
    url = os.environ["POSTGRES_URL"]
    async with asyncpg.create_pool(url, min_size=10, max_size=10) as pool:
        queuer = PgQueuer.from_asyncpg_connection(await asyncpg.connect(url))

        @queuer.entrypoint("notes.note")
        async def note(job: Job) -> None:
            await pool.execute(NOTE, json.loads(job.payload or b"")["number"])

        await queuer.run(batch_size=10)


if __name__ == "__main__":
    asyncio.run(main())
