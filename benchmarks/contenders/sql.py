# mypy: ignore-errors
"""Hand-written statements, and a pool that makes no round trips of its own."""

import json
from contextlib import asynccontextmanager

import asyncpg
from app.core.config import settings

COLUMNS = "id, name, attributes, created_at, updated_at"
LISTED = "id, name, created_at, updated_at"
GET = f"SELECT {COLUMNS} FROM item WHERE id = $1"
FIRST = f"SELECT {LISTED} FROM item ORDER BY created_at, id LIMIT $1"
AFTER = (
    f"SELECT {LISTED} FROM item WHERE (created_at, id) > ($2, $3) ORDER BY created_at, id LIMIT $1"
)
CREATE = f"INSERT INTO item (id, name, attributes) VALUES ($1, $2, $3) RETURNING {COLUMNS}"
UPDATE = f"""
    UPDATE item SET name = coalesce($2, name), attributes = coalesce($3, attributes),
    updated_at = clock_timestamp() WHERE id = $1 RETURNING {COLUMNS}
"""


async def _prepare(connection):
    await connection.set_type_codec(
        "jsonb", encoder=json.dumps, decoder=json.loads, schema="pg_catalog"
    )


async def _skip_reset(_):
    """Skip asyncpg's `RESET ALL` when a connection is released: it costs a round trip."""


@asynccontextmanager
async def open_pool():
    """A pool as large as the service's."""
    size = settings.postgres_pool_size + settings.postgres_pool_max_overflow
    url = settings.postgres_url.get_secret_value()
    options = {"min_size": size, "max_size": size, "init": _prepare, "reset": _skip_reset}
    async with asyncpg.create_pool(url, **options) as pool:
        yield pool
