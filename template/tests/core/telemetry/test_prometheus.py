import asyncio
import multiprocessing
import socket
import sys
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient, Response

from app.core.redaction import Redaction
from app.core.telemetry.config import TelemetrySettings
from app.core.telemetry.prometheus import SEVERAL_WORKERS, MetricsPage
from tests.capabilities.telemetry import Watched


@pytest.fixture
def port() -> Iterator[int]:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        yield probe.getsockname()[1]


def page(port: int) -> MetricsPage:
    settings = TelemetrySettings(
        otel_exporter_prometheus_host="127.0.0.1", otel_exporter_prometheus_port=port
    )
    return MetricsPage(settings, Redaction(set()))


def served_on(port: int) -> dict[str, Any]:
    return {
        "otel_exporter_otlp_endpoint": "",
        "otel_metrics_exporter": "prometheus",
        "otel_exporter_prometheus_host": "127.0.0.1",
        "otel_exporter_prometheus_port": port,
    }


async def page_with(client: AsyncClient, port: int, metric: str) -> Response:
    """The first one that has this metric."""
    async with asyncio.timeout(30):
        while True:
            answer = await client.get(f"http://127.0.0.1:{port}/metrics")
            if metric in answer.text:
                return answer


async def test_the_page_has_the_metrics_that_otlp_would_export(
    watched: Watched, free_port: int
) -> None:
    async with watched(**served_on(free_port)) as client, AsyncClient() as prometheus:
        await client.get("/openapi.json")
        answer = await page_with(prometheus, free_port, "app_migration_behind")
        nothing = await prometheus.get(f"http://127.0.0.1:{free_port}/")

    assert nothing.status_code == 404
    names = {line.split()[2] for line in answer.text.splitlines() if line.startswith("# TYPE")}
    assert names == {
        "app_migration_behind",
        "db_client_connection_count",
        "db_client_connection_max",
        "db_client_connection_pending_requests",
        "db_client_connection_timeouts_total",
        "db_client_connection_wait_time_seconds",
        "db_client_operation_duration_seconds",
        "http_server_active_requests",
        "http_server_request_duration_seconds",
        "target_info",
    }
    assert 'http_route="/openapi.json"' in answer.text


async def test_the_page_has_no_secret(watched: Watched, free_port: int) -> None:
    apps = list[FastAPI]()
    async with watched(apps.append, **served_on(free_port)) as client, AsyncClient() as prometheus:
        meter = apps[0].state.telemetry.meter_provider.get_meter("own")
        meter.create_counter("calls").add(1, {"url": "https://user:hunter2@example.org/"})
        await client.get("/openapi.json")
        answer = await prometheus.get(f"http://127.0.0.1:{free_port}/metrics")

    assert "calls_total{" in answer.text
    assert "user:***@example.org" in answer.text
    assert "user:hunter2" not in answer.text


@pytest.mark.parametrize("flags", [["--workers", "2"], ["--workers=2"], []])
def test_with_several_workers_it_is_refused(
    flags: list[str], port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["uvicorn", "app.main:app", *flags])
    monkeypatch.setattr(multiprocessing, "parent_process", lambda: "uvicorn's")
    if not flags:
        monkeypatch.setenv("WEB_CONCURRENCY", "2")

    with pytest.raises(SystemExit) as ended:
        page(port)

    assert ended.value.code == SEVERAL_WORKERS


def test_a_port_that_is_taken_ends_the_process_with_a_sentence(port: int) -> None:
    with pytest.raises(SystemExit) as ended:
        page(port)

    assert ended.value.code == (
        f"OTEL_EXPORTER_PROMETHEUS_PORT is {port}, and 127.0.0.1:{port} cannot be used"
        " (Address already in use): set another one."
    )
