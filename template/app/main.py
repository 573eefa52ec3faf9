"""The service. `uvicorn app.main:app` runs it; tests call `create_app` with their own settings."""

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from fastapi import Depends, FastAPI
from fastapi_offline import FastAPIOffline
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

from app import api
from app.core.config import PROJECT, EnvironmentSettings, Settings, settings
from app.core.database import open_database
from app.core.errors import problems
from app.core.logger import configure_logging, logger
from app.server import capabilities, health
from app.server.error_handlers import add_error_handlers
from app.server.openapi import describe_problems, operation_id
from app.server.readiness import Readiness
from app.server.request_limits import RequestLimits, refuse_large_body
from app.server.request_log import RequestLog
from app.server.response_headers import ResponseHeaders
from app.server.shutdown import drain_on_sigterm
from app.server.state import ServiceState

without_docs = partial(FastAPI, docs_url=None, redoc_url=None)


def add_middleware(app: FastAPI, settings: Settings) -> None:
    """From the inside out: what is added last sees the request first."""
    capabilities.add_middleware(app)
    # Not `FastAPI(max_body_size=...)`, which is outside all others: no id, no line in the log.
    app.add_middleware(RequestBodyLimitMiddleware, max_body_size=settings.max_body_bytes)
    app.add_middleware(
        TrustedHostMiddleware, allowed_hosts=settings.trusted_hosts.split(","), www_redirect=False
    )
    app.add_middleware(
        RequestLimits,
        body_seconds=settings.body_timeout_seconds,
        seconds=settings.request_timeout_seconds,
    )
    app.add_middleware(RequestLog, headers=ResponseHeaders(settings.hsts_seconds))
    if settings.cors_origins:  # outside of all others, so that every answer has its headers
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins.split(","),
            allow_methods=["*"],
            allow_headers=["*"],
            expose_headers=["Location", "X-Request-ID"],
        )


def create_app(settings: Settings, *given: EnvironmentSettings) -> FastAPI:
    """Build the service and configure logging. Nothing connects before the service starts.

    The settings of a capability that are not given come from the environment.
    """
    others = capabilities.complete(given)
    readiness = Readiness(timeout_seconds=settings.ready_timeout_seconds)
    state = ServiceState(readiness, settings, *others)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        # Freeze what start-up allocated, and collect the rest less often: sessions are full of
        # cycles, and Python's defaults spend a fifth of a read's time on them.
        gc.freeze()
        gc.set_threshold(50_000, 20, 50)
        if settings.may_be_production:
            logger.warning(
                "ENVIRONMENT is local, but the database is on another machine:"
                " set ENVIRONMENT=production, or the service does not drain."
            )
        async with open_database(settings) as state.database, capabilities.lifespan(app):
            with drain_on_sigterm(state, delay_seconds=settings.drain_seconds):
                logger.info("The service has started.", environment=settings.environment)
                yield

    configure_logging(settings, *others, processors=capabilities.log_processors())
    new_app = FastAPIOffline if settings.has_docs else without_docs
    app = new_app(
        title=settings.service_name,
        description=PROJECT["description"],
        version=PROJECT["version"],
        lifespan=lifespan,
        generate_unique_id_function=operation_id,
        responses=problems(500, 503),
        dependencies=[Depends(refuse_large_body), *capabilities.dependencies()],
        **capabilities.arguments(state),
    )
    app.state = state
    app.include_router(health.router, tags=["health"])
    app.include_router(api.router)
    add_error_handlers(app)
    describe_problems(app)
    add_middleware(app, settings)
    return app


app = create_app(settings)
