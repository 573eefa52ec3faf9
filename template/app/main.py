"""The service. `uvicorn app.main:app` runs it; tests call `create_app` with their own settings."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from app import api, health
from app.core.checks import warn_about_connections
from app.core.collector import settle_garbage_collector
from app.core.config import PROJECT, Settings, settings
from app.core.database import open_database
from app.core.database_errors import add_database_error_handlers
from app.core.errors import add_error_handlers
from app.core.logger import configure_logging, logger
from app.core.middleware import add_middleware
from app.core.openapi import describe_errors, operation_id
from app.core.shutdown import drain_on_sigterm


def create_app(settings: Settings) -> FastAPI:
    """Build the service and configure logging. Nothing connects before the service starts."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        settle_garbage_collector()
        async with open_database(settings) as database:
            app.state.database = database
            await warn_about_connections(database.probe_engine, settings)
            with drain_on_sigterm(app.state, delay_seconds=settings.drain_seconds):
                logger.info("The service has started.", environment=settings.environment)
                yield

    configure_logging(settings)
    app = FastAPI(
        title=settings.service_name,
        description=PROJECT["description"],
        version=PROJECT["version"],
        lifespan=lifespan,
        generate_unique_id_function=operation_id,
    )
    app.state.draining = False
    app.state.readiness = health.Readiness(timeout_seconds=settings.ready_timeout_seconds)
    app.include_router(api.router)
    add_error_handlers(app)
    add_database_error_handlers(app)
    add_middleware(app, settings)
    describe_errors(app)
    return app


app = create_app(settings)
