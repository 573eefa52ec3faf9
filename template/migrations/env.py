"""Alembic runs this for every command: it points the migrations at our models and database."""

import asyncio

from alembic import context
from sqlalchemy import Connection, NullPool
from sqlalchemy.ext.asyncio import create_async_engine

import app.api  # noqa: F401  imports every model: what has routes is registered here
from app.core.config import settings
from app.core.database import Base
from app.core.engine import connect_arguments
from app.core.logger import configure_logging


def run_migrations(connection: Connection) -> None:
    context.configure(
        connection=connection, target_metadata=Base.metadata, transaction_per_migration=True
    )
    with context.begin_transaction():
        context.run_migrations()


async def connect_and_run_migrations() -> None:
    engine = create_async_engine(
        "postgresql+asyncpg://",
        connect_args=connect_arguments(settings, settings.postgres_url),
        poolclass=NullPool,
    )
    async with engine.connect() as connection:
        await connection.run_sync(run_migrations)
    await engine.dispose()


if context.is_offline_mode():
    context.configure(dialect_name="postgresql", target_metadata=Base.metadata, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()
elif given := context.config.attributes.get("connection"):  # a test's, inside a running loop
    run_migrations(given)
else:
    configure_logging(settings)
    asyncio.run(connect_and_run_migrations())
