"""A span and a duration for each statement, named by its operation and tables.

Never by its text, which may hold values. A commit is a statement here: it may wait, and fail.
"""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from opentelemetry import trace
from opentelemetry.metrics import MeterProvider
from opentelemetry.trace import Span, SpanKind, StatusCode, TracerProvider
from sqlalchemy import Engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection, ExceptionContext, ExecutionContext

from app.core.database import Base

OPERATION = re.compile(
    r"\s*(SELECT|INSERT|UPDATE|DELETE|MERGE|WITH|CALL|SET|COMMIT)\b", re.IGNORECASE
)
TABLE = re.compile(r"\b(?:FROM|JOIN|INTO|UPDATE|USING)\s+(?:ONLY\s+)?([\w.\"]+)", re.IGNORECASE)
BUCKETS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10)  # seconds, of the semantic conventions
KEY = "telemetry"


@dataclass(frozen=True)
class Summary:
    """What may be told of a statement: `SELECT item`."""

    text: str
    attributes: dict[str, str]


@dataclass(frozen=True)
class Running:
    """A statement that was sent."""

    summary: Summary
    span: Span | None
    started: float


def summarize(statement: str) -> Summary:
    """Only words that this code knows: a table that no model names might be a value."""
    operation = match[1].upper() if (match := OPERATION.match(statement)) else ""
    named = [name.replace('"', "") for name in TABLE.findall(statement)]
    tables = [name for name in dict.fromkeys(named) if name in Base.metadata.tables]
    attributes = {"db.system.name": "postgresql"}
    if operation:
        attributes["db.operation.name"] = operation
    if len(tables) == 1:
        attributes["db.collection.name"] = tables[0]
    summary = " ".join(filter(None, [operation, *tables[:4]]))
    if summary:
        attributes["db.query.summary"] = summary
    return Summary(summary or "postgresql", attributes)


class StatementTelemetry:
    """Watches engines. Source: https://opentelemetry.io/docs/specs/semconv/database/"""

    def __init__(self, tracers: TracerProvider, meters: MeterProvider) -> None:
        self.summarize = lru_cache(maxsize=1000)(summarize)
        self.tracer = tracers.get_tracer("app")
        self.duration = meters.get_meter("app").create_histogram(
            "db.client.operation.duration",
            unit="s",
            description="Duration of database client operations.",
            explicit_bucket_boundaries_advisory=BUCKETS,
        )

    def watch(self, engine: Engine, attributes: dict[str, str | int]) -> None:
        """`attributes` tell where the statements of this engine go."""

        def start(*, statement: str, context: ExecutionContext, **_: object) -> None:
            vars(context)[KEY] = self._start(self.summarize(statement), attributes)

        def end(*, context: ExecutionContext, **_: object) -> None:
            self._end(vars(context).pop(KEY, None), attributes)

        def fail(context: ExceptionContext) -> None:
            if context.execution_context is not None:
                running = vars(context.execution_context).pop(KEY, None)
                self._end(running, attributes, context.original_exception)

        event.listen(engine, "before_cursor_execute", start, named=True)
        event.listen(engine, "after_cursor_execute", end, named=True)
        event.listen(engine, "handle_error", fail, insert=True)  # before it raises another error
        # SQLAlchemy has no event after a commit.
        engine.dialect.do_commit = self._timed(  # type: ignore[assignment, method-assign]
            engine.dialect.do_commit, attributes
        )

    def _timed(
        self, commit: Callable[[Any], None], attributes: dict[str, str | int]
    ) -> Callable[[Any], None]:
        def do_commit(connection: DBAPIConnection) -> None:
            running = self._start(self.summarize("COMMIT"), attributes)
            try:
                commit(connection)
            except BaseException as error:
                self._end(running, attributes, error)
                raise
            self._end(running, attributes)

        return do_commit

    def _start(self, summary: Summary, attributes: dict[str, str | int]) -> Running:
        # Only within a trace: what scripts and probes send would be a trace for each statement.
        span = None
        if trace.get_current_span().is_recording():
            told = summary.attributes | attributes
            span = self.tracer.start_span(summary.text, kind=SpanKind.CLIENT, attributes=told)
        return Running(summary, span, time.perf_counter())

    def _end(
        self,
        running: Running | None,
        attributes: dict[str, str | int],
        error: BaseException | None = None,
    ) -> None:
        if running is None:
            return
        told = running.summary.attributes | attributes | _failure(error)
        self.duration.record(time.perf_counter() - running.started, told)
        if running.span is not None:
            if error is not None:
                running.span.set_attributes(_failure(error))
                running.span.set_status(StatusCode.ERROR)
            running.span.end()


def _failure(error: BaseException | None) -> dict[str, str]:
    """The kind of an error, never its text."""
    if error is None:
        return {}
    if code := getattr(error, "sqlstate", None):
        return {"error.type": code, "db.response.status_code": code}
    return {"error.type": type(error).__qualname__}
