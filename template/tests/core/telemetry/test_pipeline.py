"""A receiver that is away, silent or full."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from app.core.telemetry.config import TelemetrySettings
from app.core.telemetry.exporters import Outage
from tests.capabilities.telemetry import Receiver, Watched

QUEUE, BATCH = 16, 4


@pytest.fixture
def silent() -> Iterator[str]:
    """Accepts connections, and never answers."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> threading.Semaphore:
    """Released by each attempt to export."""
    tried, note = threading.Semaphore(0), Outage.note

    def counted(self: Outage, endpoint: str, *, exported: bool) -> None:
        note(self, endpoint, exported=exported)
        tried.release()

    monkeypatch.setattr(Outage, "note", counted)
    return tried


def told(capsys: pytest.CaptureFixture[str]) -> list[str]:
    lines = map(json.loads, capsys.readouterr().out.splitlines())
    about = ("Telemetry", "Transient", "Failed", "Queue", "Exception", "Shutdown", "Exporter")
    return [line["event"] for line in lines if line["event"].startswith(about)]


async def test_a_shutdown_does_not_wait_for_a_receiver_that_never_answers(
    watched: Watched, silent: str
) -> None:
    async with watched(otel_exporter_otlp_endpoint=silent) as client:
        answer = await client.get("/openapi.json")
        began = time.monotonic()

    assert answer.status_code == 200
    assert time.monotonic() - began < 3  # one for the receiver; the rest closes the database


async def test_a_receiver_that_is_away_is_one_line_however_often_it_is_tried(
    watched: Watched,
    free_port: int,
    tried: threading.Semaphore,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "10")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.1")
    async with watched(otel_exporter_otlp_endpoint=f"http://127.0.0.1:{free_port}") as client:
        for _ in range(3):
            assert (await client.get("/openapi.json")).status_code == 200
            await asyncio.to_thread(tried.acquire)

    assert told(capsys) == ["Telemetry is not exported: the receiver does not take it."]


async def test_an_outage_is_one_line_and_its_end_another(
    watched: Watched,
    receiver: Receiver,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "10")
    monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "10")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.1")
    receiver.refuses.set()
    async with watched() as client:
        assert (await client.get("/openapi.json")).status_code == 200
        await receiver.until(lambda: receiver.refused > 5)
        receiver.refuses.clear()
        assert (await client.get("/openapi.json")).status_code == 200
        await receiver.until(lambda: bool(receiver.spans) and "/v1/metrics" in receiver.paths)

    assert told(capsys) == [
        "Telemetry is not exported: the receiver does not take it.",
        "Telemetry is exported again.",
    ]


async def test_a_receiver_that_is_full_takes_neither_time_of_requests_nor_memory(
    watched: Watched,
    receiver: Receiver,
    tried: threading.Semaphore,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", str(QUEUE))
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", str(BATCH))
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.2")
    receiver.answers.clear()
    async with watched() as client:
        for _ in range(10 * QUEUE):  # none waits for an answer that nobody gives
            assert (await client.get("/openapi.json")).status_code == 200
        await asyncio.to_thread(tried.acquire)
        receiver.answers.set()
        await client.get("/openapi.json")
        await receiver.until(lambda: bool(receiver.spans))

    assert len(receiver.spans) <= QUEUE + BATCH + 1  # those of the queue, and those on their way
    assert set(told(capsys)) == {  # and nothing of each span that was dropped
        "Telemetry is not exported: the receiver does not take it.",
        "Telemetry is exported again.",
    }


async def test_nothing_is_left_running(watched: Watched, receiver: Receiver) -> None:
    before = set(threading.enumerate())

    async with watched() as client:
        await client.get("/openapi.json")

    left = [thread.name for thread in set(threading.enumerate()) - before]
    assert [name for name in left if not name.startswith("asyncio_")] == []


async def test_variables_of_the_sdk_may_stand_in_the_env_file(
    watched: Watched,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    file = tmp_path_factory.mktemp("env") / "env"
    file.write_text("OTEL_TRACES_SAMPLER=always_off\nPOSTGRES_URL=postgresql:///other\n")
    monkeypatch.setitem(TelemetrySettings.model_config, "env_file", str(file))
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "")
    monkeypatch.delenv("OTEL_TRACES_SAMPLER")  # so that it is unset again in the end

    async with watched() as client:
        await client.get("/openapi.json")

    assert receiver.spans == []
    assert "http.server.request.duration" in receiver.points
