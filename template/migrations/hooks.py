"""What Alembic's commands say, write and refuse here."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from alembic.operations.ops import MigrationScript
from alembic.runtime.migration import MigrationContext
from alembic.util import CommandError
from sqlalchemy.exc import DBAPIError

from app.core.config import Settings
from app.core.logger import logger
from migrations.guard import limits


@contextlib.contextmanager
def failure_named(context: Any) -> Iterator[None]:
    """Add to an error which migration has failed, and where the database stays."""
    try:
        yield
    except Exception as error:
        if _command(context) in ("upgrade", "downgrade"):
            with contextlib.suppress(DBAPIError, CommandError):  # no connection, no such revision
                error.add_note(_where(context.get_context()))
        raise


def _where(migration: MigrationContext) -> str:
    heads = migration.get_current_heads()
    step = migration.opts["fn"](heads, migration)[0]
    name, stays = Path(step.revision.path).name, ", ".join(heads) or "no revision"
    return f"The migration {name} has failed: the database stays at {stays}."


def forget_what_was_set(settings: Settings) -> Callable[..., None]:
    """What a migration has SET, the next one does not inherit."""

    def forget(*, ctx: MigrationContext, **_: Any) -> None:
        ctx.execute("RESET ALL")
        if ctx.as_sql:
            prepare_script(ctx, settings)

    return forget


def prepare_script(context: Any, settings: Settings) -> None:
    """Write what the connection of an online run brings along."""
    if settings.postgres_schema != "public":
        context.execute(f"CREATE SCHEMA IF NOT EXISTS {settings.postgres_schema}")
    for name, value in limits(settings).items():
        context.execute(f"SET {name} = '{value}'")
    context.execute(f"SET search_path = {settings.postgres_schema}")


def write_no_empty_revision(
    context: MigrationContext, _: object, directives: list[MigrationScript]
) -> None:
    """Leave no file behind where the models ask for nothing."""
    asked = getattr(context.config and context.config.cmd_opts, "autogenerate", False)
    operations = directives[0].upgrade_ops
    if asked and operations is not None and operations.is_empty():
        directives.clear()
        logger.info("The models ask for no migration: nothing is written.")


def refuse_downgrade(context: Any, settings: Settings) -> None:
    """A downgrade deletes data: only for developers and tests, or on demand."""
    allowed = context.get_x_argument(as_dictionary=True).get("allow-destructive") == "1"
    safe = allowed or settings.environment in ("local", "test")
    if _command(context) == "downgrade" and not safe:
        raise CommandError(
            f"A downgrade deletes data, and this is {settings.environment}:"
            " say alembic -x allow-destructive=1 downgrade ... if you mean it."
        )


def _command(context: Any) -> str:
    """`upgrade`, `downgrade`, or the name of another function of Alembic's."""
    return str(context.get_context().opts["fn"].__name__)
