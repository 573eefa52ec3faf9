"""Alembic runs this for every command: it connects the migrations to our models and database."""

import asyncio
from typing import Any

from alembic import context
from sqlalchemy import Connection, NullPool
from sqlalchemy.ext.asyncio import create_async_engine

import app.api  # noqa: F401  imports every model that has routes
from app.core.config import settings
from app.core.database import Base
from app.core.engine import connect_arguments
from app.core.logger import configure_logging
from migrations import commands, enums, guard, hooks

OPTIONS: dict[str, Any] = {
    "target_metadata": Base.metadata,
    "compare_server_default": True,
    # By name: of two CHECKs with one name, only the service's tests see that they differ.
    "autogenerate_plugins": [
        "alembic.autogenerate.*",
        "alembic.ext.checkconstraint_byname",
        enums.PLUGIN,
    ],
    # If the third one fails, the first two stay.
    "transaction_per_migration": True,
    "on_version_apply": commands.reset_session_settings(settings),
    "process_revision_directives": commands.write_no_empty_revision,
    # A hooks.py that was edited before 0.5 has no options.
    **getattr(hooks, "options", {}),
}


def run_migrations(connection: Connection) -> None:
    context.configure(connection=connection, **OPTIONS)
    commands.refuse_downgrade(context, settings)
    with commands.failure_named(context), context.begin_transaction():
        context.run_migrations()


async def connect_and_run_migrations() -> None:
    url = settings.postgres_migration_url or settings.postgres_url
    arguments = connect_arguments(settings, url)
    arguments["server_settings"] |= guard.limits(settings)
    # No client-side limit: a migration may raise the limits of the server.
    arguments["command_timeout"] = None
    engine = create_async_engine(
        "postgresql+asyncpg://", connect_args=arguments, poolclass=NullPool
    )
    try:
        await guard.migrate(engine, run_migrations, settings)
    finally:
        await engine.dispose()


if context.is_offline_mode():
    named = {"paramstyle": "named"}  # every other style doubles %
    context.configure(dialect_name="postgresql", dialect_opts=named, literal_binds=True, **OPTIONS)
    with context.begin_transaction():
        commands.prepare_script(context, settings)
        context.run_migrations()
elif connection := context.config.attributes.get("connection"):  # the caller's event loop runs
    run_migrations(connection)
else:
    configure_logging(settings)
    commands.refuse_pooler(settings)
    asyncio.run(connect_and_run_migrations())
