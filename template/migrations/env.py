"""Alembic runs this for every command: it points the migrations at our models and database."""

import asyncio
from typing import Any

import alembic_postgresql_enum  # noqa: F401  has autogenerate see the values of enums
from alembic import context
from sqlalchemy import Connection, NullPool
from sqlalchemy.ext.asyncio import create_async_engine

import app.api  # noqa: F401  imports every model: what has routes is registered here
from app.core.config import settings
from app.core.database import Base
from app.core.engine import connect_arguments
from app.core.logger import configure_logging
from migrations import guard, hooks

OPTIONS: dict[str, Any] = {
    "target_metadata": Base.metadata,
    "compare_server_default": True,
    # A third one that fails leaves the first two in place.
    "transaction_per_migration": True,
    "on_version_apply": hooks.forget_what_was_set(settings),
    "process_revision_directives": hooks.write_no_empty_revision,
}


def run_migrations(connection: Connection) -> None:
    context.configure(connection=connection, **OPTIONS)
    hooks.refuse_downgrade(context, settings)
    with hooks.failure_named(context), context.begin_transaction():
        context.run_migrations()


async def connect_and_run_migrations() -> None:
    url = settings.postgres_migration_url or settings.postgres_url
    arguments = connect_arguments(settings, url, **guard.limits(settings))
    # No limit of the client's: a migration may raise the server's.
    arguments["command_timeout"] = None
    engine = create_async_engine(
        "postgresql+asyncpg://", connect_args=arguments, poolclass=NullPool
    )
    try:
        await guard.migrate(engine, run_migrations, settings)
    finally:
        await engine.dispose()


if context.is_offline_mode():
    named = {"paramstyle": "named"}  # any other style doubles %
    context.configure(dialect_name="postgresql", dialect_opts=named, literal_binds=True, **OPTIONS)
    with context.begin_transaction():
        hooks.prepare_script(context, settings)
        context.run_migrations()
elif connection := context.config.attributes.get("connection"):  # given, inside a running loop
    run_migrations(connection)
else:
    configure_logging(settings)
    asyncio.run(connect_and_run_migrations())
