"""The database of a benchmark: a throw-away server, the service's tables, and rows."""

import asyncio
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg

from benchmarks.plan import ROWS, SERVICE
from benchmarks.server import environment, python
from tests.support.serving import temporary_server

SEED = f"""
    INSERT INTO item (id, name, attributes, created_at, updated_at)
    SELECT
        ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid,
        'lamp ' || n,
        '{{"watts": 7, "tags": ["a", "b"]}}',
        '2026-01-01 00:00:00.5Z'::timestamptz + n * interval '1 s',
        '2026-01-02 00:00:00.5Z'
    FROM generate_series(1, {ROWS}) n
"""
FILL = ("TRUNCATE item", SEED, "VACUUM ANALYZE item", "CHECKPOINT")


@contextmanager
def migrated_database(service: Path) -> Iterator[str]:
    """The URL of a database with the service's tables and `ROWS` items."""
    with temporary_server() as url:
        subprocess.run(
            [python(service), "-m", "alembic", "upgrade", "head"],
            cwd=service,
            env=environment(SERVICE, service, url),
            check=True,
            capture_output=True,
        )
        fill(url)
        yield url


def fill(url: str) -> None:
    """Reset the table to the `ROWS` initial items."""
    execute(url, *FILL)


def version(url: str) -> str:
    return execute(url, "SHOW server_version")


def execute(url: str, *statements: str) -> str:
    """Run each statement in its own transaction. Returns the first value of the last result."""

    async def run() -> str:
        connection = await asyncpg.connect(url)
        try:
            return str([await connection.fetchval(statement) for statement in statements][-1])
        finally:
            await connection.close()

    return asyncio.run(run())
