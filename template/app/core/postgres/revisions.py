"""The schema's revision: the one the code wants, and the one the database has."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from app.core.postgres.sqlstate import FORBIDDEN, UNDEFINED_TABLE, sqlstate

PYPROJECT = Path(__file__).parents[3] / "pyproject.toml"

STATE = text("""
    SELECT pg_is_in_recovery(), array_agg(version_num::text ORDER BY version_num)
    FROM alembic_version
""")
STATE_BEFORE_MIGRATIONS = text("SELECT pg_is_in_recovery(), NULL::text[]")


@dataclass(frozen=True)
class Revisions:
    """The head of `migrations/versions` (None without migrations), and every revision there."""

    head: str | None
    known: frozenset[str]


@cache
def code_revisions() -> Revisions:
    """The revisions of this code. Reads the folder once per process."""
    # Imported here because Alembic takes 0.1 s to import and only the readiness probe needs it.
    from alembic.config import Config  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    scripts = ScriptDirectory.from_config(Config(toml_file=PYPROJECT))
    known = frozenset(script.revision for script in scripts.walk_revisions())
    return Revisions(scripts.get_current_head(), known)


class NotReadyError(SQLAlchemyError):
    """Why this database cannot serve, as a sentence."""


async def database_revision(engine: AsyncEngine) -> str | None:
    """The database's revision, None before the first migration.

    Raises `NotReadyError` for a database that answers and cannot serve, else `SQLAlchemyError`.
    """
    async with engine.connect() as connection:
        try:
            found = await connection.execute(STATE)
        except DBAPIError as error:
            if sqlstate(error) == FORBIDDEN:
                raise NotReadyError(
                    "The role may not read the revision: GRANT SELECT ON alembic_version TO it."
                ) from error
            if sqlstate(error) != UNDEFINED_TABLE:
                raise
            await connection.rollback()
            found = await connection.execute(STATE_BEFORE_MIGRATIONS)
        is_standby, revisions = found.one()
        if is_standby:
            await connection.invalidate()  # the address may lead to the primary by now
            raise NotReadyError("The database is a standby, which refuses writes.")
    return _only(revisions)


def _only(revisions: list[str] | None) -> str | None:
    if revisions and len(revisions) > 1:
        raise NotReadyError(f"The schema is at several revisions: {', '.join(revisions)}.")
    return revisions[0] if revisions else None
