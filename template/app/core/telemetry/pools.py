"""The state of each engine's pool, as metrics, and each wait for a connection, as a span."""

import time
from collections.abc import Iterable

from opentelemetry import trace
from opentelemetry.metrics import CallbackOptions, MeterProvider, Observation
from opentelemetry.trace import StatusCode, TracerProvider
from sqlalchemy import Engine
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import PoolProxiedConnection, QueuePool

SHORTEST_WAIT_SECONDS = 0.001  # that is worth a span
NAME, STATE = "db.client.connection.pool.name", "db.client.connection.state"


class PoolTelemetry:
    """Watches engines. Source: https://opentelemetry.io/docs/specs/semconv/database/"""

    def __init__(self, tracers: TracerProvider, meters: MeterProvider) -> None:
        self.engines: dict[str, Engine] = {}
        self.pending: dict[str, int] = {}
        self.tracer = tracers.get_tracer("app")
        meter = meters.get_meter("app")
        self.wait = meter.create_histogram(
            "db.client.connection.wait_time",
            unit="s",
            description="The time it took to obtain an open connection from the pool.",
            explicit_bucket_boundaries_advisory=(0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10),
        )
        self.timeouts = meter.create_counter(
            "db.client.connection.timeouts",
            unit="{timeout}",
            description="Requests for a connection that timed out.",
        )
        for name, unit, observe, description in (
            ("count", "{connection}", self._count, "Connections by state."),
            ("max", "{connection}", self._max, "The most connections that are allowed."),
            ("pending_requests", "{request}", self._pending, "Requests that wait for one."),
        ):
            meter.create_observable_up_down_counter(
                f"db.client.connection.{name}", [observe], unit, description
            )

    def watch(self, name: str, engine: Engine) -> None:
        self.engines[name], self.pending[name] = engine, 0
        self.timeouts.add(0, {NAME: name})  # so that the first one is seen as an increase
        connect = engine.pool.connect

        def timed_connect() -> PoolProxiedConnection:
            self.pending[name] += 1
            began, started = time.time_ns(), time.perf_counter()
            try:
                connection = connect()
            except BaseException as error:
                if isinstance(error, PoolTimeoutError):
                    self.timeouts.add(1, {NAME: name})
                seconds = time.perf_counter() - started
                failure = {"error.type": type(error).__qualname__}
                self.wait.record(seconds, {NAME: name} | failure)
                self._tell(name, began, seconds, failure)
                raise
            finally:
                self.pending[name] -= 1
            seconds = time.perf_counter() - started
            self.wait.record(seconds, {NAME: name})
            if seconds > SHORTEST_WAIT_SECONDS:
                self._tell(name, began, seconds, {})
            return connection

        # SQLAlchemy has no event before it looks for a connection.
        engine.pool.connect = timed_connect  # type: ignore[method-assign]

    def _tell(self, name: str, began: int, seconds: float, failure: dict[str, str]) -> None:
        if not trace.get_current_span().is_recording():
            return
        span = self.tracer.start_span(
            f"connect {name}", attributes={NAME: name} | failure, start_time=began
        )
        if failure:
            span.set_status(StatusCode.ERROR)
        span.end(began + int(seconds * 1e9))

    def _count(self, _: CallbackOptions) -> Iterable[Observation]:
        for name, pool in self._pools():
            yield Observation(pool.checkedout(), {NAME: name, STATE: "used"})
            yield Observation(pool.checkedin(), {NAME: name, STATE: "idle"})

    def _max(self, _: CallbackOptions) -> Iterable[Observation]:
        for name, pool in self._pools():
            yield Observation(pool.size() + pool._max_overflow, {NAME: name})

    def _pending(self, _: CallbackOptions) -> Iterable[Observation]:
        for name, count in list(self.pending.items()):
            yield Observation(count, {NAME: name})

    def _pools(self) -> Iterable[tuple[str, QueuePool]]:
        for name, engine in list(self.engines.items()):
            if isinstance(engine.pool, QueuePool):
                yield name, engine.pool
