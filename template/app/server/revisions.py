"""The schema's revision: the one the code wants, and the one the database has."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from app.core.sqlstate import UNDEFINED_TABLE, sqlstate

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"


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


async def database_revision(engine: AsyncEngine) -> str | None:
    """The database's revision, None before the first migration. Raises `SQLAlchemyError`."""
    try:
        async with engine.connect() as connection:
            query = text("SELECT version_num FROM alembic_version")
            return (await connection.scalars(query)).one_or_none()
    except DBAPIError as error:
        if sqlstate(error) == UNDEFINED_TABLE:
            return None
        raise
