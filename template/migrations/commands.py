"""How Alembic's commands behave here: what they report, write and refuse."""

import contextlib
import re
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from alembic.operations.ops import MigrationScript
from alembic.runtime.migration import MigrationContext
from alembic.util import CommandError
from sqlalchemy.exc import DBAPIError

from app.core.config import Settings
from app.core.logger import logger
from app.core.postgres.url import is_on_this_machine
from migrations.guard import limits


@contextlib.contextmanager
def failure_named(context: Any) -> Iterator[None]:
    """Add to an error the migration that failed, and the revision of the database."""
    try:
        yield
    except Exception as error:
        if _command(context) in ("upgrade", "downgrade"):
            with contextlib.suppress(DBAPIError, CommandError):  # no connection, no such revision
                error.add_note(_where(context.get_context()))
        raise


def _where(migration: MigrationContext) -> str:
    heads = migration.get_current_heads()
    # Runs Alembic's planner again: nothing else knows the file of the step that failed.
    step = migration.opts["fn"](heads, migration)[0]
    name, stays = Path(step.revision.path).name, ", ".join(heads) or "no revision"
    return f"The migration {name} failed: the database stays at {stays}."


def reset_session_settings(settings: Settings) -> Callable[..., None]:
    """Undo a migration's SETs before the next one runs."""

    def reset(*, ctx: MigrationContext, **_: Any) -> None:
        ctx.execute("RESET ALL")
        if ctx.as_sql:
            prepare_script(ctx, settings)

    return reset


def prepare_script(context: Any, settings: Settings) -> None:
    """Write the settings that the connection of an online run has."""
    if settings.postgres_schema != "public":
        context.execute(f"CREATE SCHEMA IF NOT EXISTS {settings.postgres_schema}")
    for name, value in limits(settings).items():
        context.execute(f"SET {name} = '{value}'")
    context.execute(f"SET search_path = {settings.postgres_schema}")


def write_no_empty_revision(
    context: MigrationContext, _: object, directives: list[MigrationScript]
) -> None:
    """Write no empty revision."""
    asked = getattr(context.config and context.config.cmd_opts, "autogenerate", False)
    operations = directives[0].upgrade_ops
    if asked and operations is not None and operations.is_empty():
        directives.clear()
        logger.info("No changes detected: no migration written.")


def refuse_pooler(settings: Settings) -> None:
    """A migration holds a lock of its session, and sets its limits: a pooler loses both."""
    if settings.postgres_pooler != "none" and settings.postgres_migration_url is None:
        raise CommandError(
            f"POSTGRES_POOLER is {settings.postgres_pooler}, and migrations go past the pooler:"
            " set POSTGRES_MIGRATION_URL to the address of Postgres itself."
        )


def refuse_downgrade(context: Any, settings: Settings) -> None:
    """A downgrade deletes data: ask in development, allow it in tests, elsewhere on demand only."""
    allowed = context.get_x_argument(as_dictionary=True).get("allow-destructive") == "1"
    if _command(context) != "downgrade" or allowed or settings.environment == "test":
        return
    url = (settings.postgres_migration_url or settings.postgres_url).get_secret_value()
    local = settings.environment == "local"
    if local and sys.stdin.isatty():
        _ask(re.sub(r"//[^@/]*@", "//", url.partition("?")[0]))
    elif not (local and is_on_this_machine(url)):
        place = "a database on another machine" if local else settings.environment
        raise CommandError(
            f"A downgrade deletes data, and this is {place}:"
            " run alembic -x allow-destructive=1 downgrade ... if you mean it."
        )


@cache  # a migration that is retried asks once
def _ask(database: str) -> None:
    if input(f"A downgrade deletes data of {database}. Go on? [y/N] ").strip().lower() != "y":
        raise CommandError("Nothing was changed.")


def _command(context: Any) -> str:
    """`upgrade`, `downgrade`, or the name of another of Alembic's functions."""
    return str(context.get_context().opts["fn"].__name__)
