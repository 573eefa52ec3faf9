"""Wires telemetry: FastAPI's own spans and metrics, and those of the database."""

from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig
from opentelemetry import trace
from starlette.types import ASGIApp, Receive, Scope, Send

from app.core import config
from app.core.logger import secrets_of
from app.core.redaction import Redaction
from app.core.telemetry.clients import traced
from app.core.telemetry.config import TelemetrySettings as Settings
from app.core.telemetry.context import add_trace
from app.core.telemetry.database import watching
from app.core.telemetry.pipeline import Telemetry
from app.server.request_log import QUIET
from app.server.state import ServiceState

log_processors = [add_trace]


def arguments(state: ServiceState) -> dict[str, Any]:
    """What FastAPI records. Not its log records: those of the service's own log are complete."""
    settings = state.settings_of(Settings)
    redaction = Redaction({*secrets_of(*state.settings), *settings.headers.values()})
    state.telemetry = Telemetry(state.settings_of(config.Settings), settings, redaction)
    options = TelemetryConfig(
        tracing=state.telemetry.traces,
        metrics=state.telemetry.metrics,
        tracer_provider=state.telemetry.tracer_provider,
        meter_provider=state.telemetry.meter_provider,
        logs=False,
        operation_spans=False,
        auto_configure=False,  # its exporters know nothing of redaction
        exclude=_is_quiet,
    )
    return {"telemetry": options}


class Exceptions:
    """Adds to a span which exception nobody caught; its text, which may be anything, is logged."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self.app(scope, receive, send)
        except Exception as error:
            name = f"{type(error).__module__}.{type(error).__qualname__}"
            trace.get_current_span().add_event("exception", {"exception.type": name})
            raise


def add_middleware(app: FastAPI) -> None:
    if app.state.telemetry.traces:
        app.add_middleware(Exceptions)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    telemetry: Telemetry = app.state.telemetry
    settings = app.state.settings_of(config.Settings)
    if telemetry.traces and hasattr(app.state, "verifier"):  # auth's, which asks an issuer
        traced(app.state.verifier.provider.client)
    async with telemetry.open(), watching(telemetry, app.state.database, settings):
        yield


def _is_quiet(scope: MutableMapping[str, Any]) -> bool:
    """Probes are no traffic."""
    path: str = scope["path"]
    return path.startswith(QUIET)
