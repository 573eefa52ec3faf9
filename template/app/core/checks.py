"""What the service asks its server about itself: the revision, and how many may connect."""

import asyncio
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from app.core.config import Settings
from app.core.logger import logger
from app.core.sqlstate import UNDEFINED_TABLE, sqlstate

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"


@dataclass(frozen=True)
class Revisions:
    """The head of `migrations/versions` (None: there are no migrations), and all that lie there."""

    head: str | None
    known: frozenset[str]


@cache
def code_revisions() -> Revisions:
    """What this code wants. Reads the folder once."""
    # The first probe waits for Alembic's 0.1 s, and no start does: scripts and workers need none.
    from alembic.config import Config  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    scripts = ScriptDirectory.from_config(Config(toml_file=PYPROJECT))
    known = frozenset(script.revision for script in scripts.walk_revisions())
    return Revisions(scripts.get_current_head(), known)


async def database_revision(engine: AsyncEngine) -> str | None:
    """The database's revision, None before the first migration. Raises what the driver raises."""
    try:
        async with engine.connect() as connection:
            query = text("SELECT version_num FROM alembic_version")
            return (await connection.scalars(query)).one_or_none()
    except DBAPIError as error:
        if sqlstate(error) == UNDEFINED_TABLE:
            return None
        raise


async def warn_about_connections(engine: AsyncEngine, settings: Settings) -> None:
    """Warn, within a second, if the processes together want more connections than there are."""
    per_engine = settings.postgres_pool_size + settings.postgres_pool_max_overflow
    wanted = settings.web_concurrency * (2 * per_engine + 1)  # one writes, one reads, one probes
    try:
        async with asyncio.timeout(1), engine.connect() as connection:
            available = int(await connection.scalar(text("SHOW max_connections")) or 0)
    except (SQLAlchemyError, OSError):
        return  # readiness tells
    if wanted > available:
        sentence = "The service may open more connections than Postgres accepts."
        logger.warning(sentence, wanted=wanted, max_connections=available)
