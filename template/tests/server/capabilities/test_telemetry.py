"""Traces, metrics and the log of a service, as they arrive."""

import json
import threading

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient, ConnectError, MockTransport, ReadTimeout, Request, Response
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from app.core.config import PROJECT, Settings
from app.core.logger import logger
from app.core.telemetry.clients import traced
from app.core.telemetry.config import TelemetrySettings
from app.main import create_app
from tests.capabilities.telemetry import Receiver, Watched, values

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"


def call_others(app: FastAPI) -> None:
    """A route that asks another service, and answers which headers that was sent."""

    async def answer(request: Request) -> Response:
        if request.url.path == "/refused":
            raise ConnectError(f"{request.url} refused")
        if request.url.path == "/hangs":
            raise ReadTimeout(f"{request.url} hangs")
        status = 404 if request.url.path == "/missing" else 200
        return Response(status, json=dict(request.headers))

    @app.get("/calls")
    async def call(path: str = "/") -> dict[str, str]:
        async with traced(AsyncClient(transport=MockTransport(answer))) as client:
            headers: dict[str, str] = (await client.get(f"http://others{path}")).json()
            return headers


def logged(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


async def test_a_request_arrives_with_the_attributes_of_the_semantic_conventions(
    watched: Watched, receiver: Receiver
) -> None:
    async with watched() as client:
        await client.get("/openapi.json")

    [span] = receiver.spans
    told = {
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "http.route": "/openapi.json",
        "network.protocol.version": "1.1",
        "url.scheme": "http",
    }
    assert (span.name, values(span.attributes)) == (
        "GET /openapi.json",
        told | {"url.path": "/openapi.json"},
    )
    [(attributes, point)] = receiver.points["http.server.request.duration"]
    assert (attributes, point.count) == (told, 1)
    assert [exemplar.trace_id for exemplar in point.exemplars] == [span.trace_id]


async def test_settings_tell_who_exports(watched: Watched, receiver: Receiver) -> None:
    async with watched(service={"service_name": "lamps"}) as client:
        await client.get("/openapi.json")

    [resource] = receiver.resources
    instance = resource.pop("service.instance.id")
    assert {key: value for key, value in resource.items() if not key.startswith("telemetry.")} == {
        "deployment.environment.name": "test",
        "service.name": "lamps",
        "service.version": PROJECT["version"],
    }
    assert str(instance).rpartition("-")[2].isdecimal()  # of the process


async def test_each_line_of_a_request_has_the_ids_of_its_span(
    watched: Watched, receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    def prepare(app: FastAPI) -> None:
        @app.post("/lines")
        async def write_line() -> None:
            logger.info("A line.")

    async with watched(prepare) as client:
        await client.post("/lines")
        await client.post("/lines", headers={"Content-Encoding": "br"})  # refused before the route

    lines = [line for line in logged(capsys) if line["event"] in ("A line.", "request")]
    ids = [(span.trace_id.hex(), span.span_id.hex()) for span in receiver.spans]
    assert [(line["event"], line["trace_id"], line["span_id"]) for line in lines] == [
        ("A line.", *ids[0]),
        ("request", *ids[0]),
        ("request", *ids[1]),
    ]


async def test_without_an_endpoint_there_is_no_thread_no_span_and_no_id(
    settings: Settings, capsys: pytest.CaptureFixture[str], watched: Watched, receiver: Receiver
) -> None:
    threads = set(threading.enumerate())

    async with watched(otel_exporter_otlp_endpoint="") as client:
        answer = await client.get("/openapi.json")
        began = [t.name for t in set(threading.enumerate()) - threads if t.name.startswith("Otel")]

    assert (answer.status_code, began, receiver.bodies) == (200, [], [])
    assert [line for line in logged(capsys) if "trace_id" in line] == []
    assert not create_app(settings, TelemetrySettings())._native_telemetry.enabled()


async def test_probes_are_not_traced(watched: Watched, receiver: Receiver) -> None:
    async with watched() as client:
        await client.get("/health/live")
        await client.get("/health/ready")

    assert receiver.spans == []
    assert "http.server.request.duration" not in receiver.points


async def test_a_trace_goes_on_from_the_caller_to_others_without_what_strangers_add(
    watched: Watched, receiver: Receiver
) -> None:
    given = {"traceparent": TRACEPARENT, "tracestate": "a=b", "baggage": "user=lamp"}
    async with watched(call_others) as client:
        sent = (await client.get("/calls", headers=given)).json()

    span, call = receiver.spans
    assert (span.trace_id.hex(), span.parent_span_id.hex(), span.trace_state) == (TRACE, PARENT, "")
    assert (call.name, call.parent_span_id, call.kind) == (
        "GET",
        span.span_id,
        Span.SPAN_KIND_CLIENT,
    )
    assert values(call.attributes) == {
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "server.address": "others",
    }
    assert sent["traceparent"] == f"00-{TRACE}-{call.span_id.hex()}-01"
    assert {"tracestate", "baggage"} & set(sent) == set()


async def test_others_are_told_of_a_trace_that_is_not_sampled(watched: Watched) -> None:
    async with watched(call_others) as client:
        given = {"traceparent": f"00-{TRACE}-{PARENT}-00"}
        sent = (await client.get("/calls", headers=given)).json()

    assert sent["traceparent"].endswith("-00")
    assert sent["traceparent"][3:35] == TRACE


@pytest.mark.parametrize(
    ("path", "error"),
    [("/missing", "404"), ("/refused", "ConnectError"), ("/hangs", "ReadTimeout")],
)
async def test_a_call_that_fails_is_told_by_its_kind_and_not_by_its_url(
    path: str, error: str, watched: Watched, receiver: Receiver
) -> None:
    async with watched(call_others) as client:
        await client.get("/calls", params={"path": path})

    call = receiver.spans[1]
    assert values(call.attributes)["error.type"] == error
    assert (call.status.code, call.events[:]) == (Status.STATUS_CODE_ERROR, [])
    assert [body for _, body in receiver.bodies if path.encode() in body] == []


async def test_a_caller_that_does_not_sample_is_followed(
    watched: Watched, receiver: Receiver
) -> None:
    async with watched() as client:
        await client.get("/openapi.json", headers={"traceparent": f"00-{TRACE}-{PARENT}-00"})

    assert receiver.spans == []
    assert "http.server.request.duration" in receiver.points


async def test_what_clients_make_up_gives_no_new_series(
    watched: Watched, receiver: Receiver
) -> None:
    async with watched() as client:
        for number in range(20):
            await client.get(f"/no-such-path-{number}")
            await client.request(f"BREW{number}", "/openapi.json")

    assert len(receiver.points["http.server.request.duration"]) == 2
    assert {span.name for span in receiver.spans} == {"GET", "HTTP", "HTTP /openapi.json"} & {
        span.name for span in receiver.spans
    }


async def test_headers_for_the_receiver_are_sent_and_never_logged(
    watched: Watched, receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    async with watched(otel_exporter_otlp_headers="api-key=hunter2,tenant=lamps") as client:
        logger.info("These are api-key=hunter2,tenant=lamps")
        await client.get("/openapi.json")

    assert {(h["api-key"], h["tenant"]) for h in receiver.headers} == {("hunter2", "lamps")}
    assert "hunter2" not in capsys.readouterr().out
