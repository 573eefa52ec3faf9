"""Callers: every request needs an access token of the issuer, but for `public` handlers."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from opentelemetry import metrics

from app.core.auth import public
from app.server import health
from app.server.capabilities.auth.middleware import RequireToken
from app.server.capabilities.auth.openapi import describe_security
from app.server.capabilities.auth.settings import Settings
from app.server.capabilities.auth.verifier import Verifier

__all__ = ["Settings", "add_middleware", "lifespan"]

# FastAPI's own: what the API looks like, and nobody's data.
DOCUMENTS = {"/openapi.json", "/docs", "/docs/oauth2-redirect", "/redoc", "/static-offline-docs"}


def add_middleware(app: FastAPI) -> None:
    settings = app.state.settings_of(Settings)
    app.state.verifier = Verifier(settings)
    public(health.live)
    public(health.ready)
    for route in iter_route_contexts(app.routes):
        if route.path in DOCUMENTS:
            public(route.endpoint or route.app)
    describe_security(app, settings)
    app.add_middleware(RequireToken, service=app, verifier=app.state.verifier)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    # Recorded where the answer `telemetry` exports it, and nowhere else.
    metrics.get_meter("app.auth").create_observable_gauge(
        "auth.keys.expiry",
        [app.state.verifier.keys.expiry],
        "s",
        "While the issuer is away: when its keys can no longer be used, in seconds since 1970.",
    )
    yield
    await app.state.verifier.aclose()
