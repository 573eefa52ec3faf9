"""The examples of docs/websockets.md, served: what they do, and that they let the service stop."""

import json
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx2
import pytest
from httpx2.websockets import WebSocketDisconnect, WebSocketUpgradeError

from tests.faults.production import Production, Service
from tests.support.markdown import blocks, section

pytestmark = pytest.mark.slow

Serve = Callable[..., Service]


@pytest.fixture
def service(production: Production, serve: Serve) -> Service:
    page = (production.folder / "docs/websockets.md").read_text()
    code = [
        block
        for title in ("Websockets", "Server-sent events")
        for block in blocks(section(page, title), "python")
    ]
    wiring = "from app.main import app\n\napp.include_router(router)\n"
    (production.folder / "live.py").write_text("\n\n".join([*code, wiring]))
    return serve(app="live:app", shutdown_drain_seconds=0)


@contextmanager
def events(service: Service) -> Iterator[Iterator[str]]:
    """The names of the items that /events tells."""
    with (
        httpx2.Client(trust_env=False, timeout=20) as client,
        client.stream("GET", f"{service.served.url}/events") as response,
    ):
        lines = response.iter_lines()
        yield (json.loads(line[6:])["name"] for line in lines if line.startswith("data: "))


def test_each_message_of_the_documented_websocket_is_a_transaction(service: Service) -> None:
    with httpx2.Client(trust_env=False) as client:
        with client.websocket(f"ws://127.0.0.1:{service.port}/items/feed") as websocket:
            websocket.send_text("lamp")
            created = websocket.receive_text(timeout=20)
            found = service.served.get(f"/items/{created}").json()
            websocket.send_text("lamp")
            with pytest.raises(WebSocketDisconnect) as refused:
                websocket.receive_text(timeout=20)
        with (
            pytest.raises(WebSocketUpgradeError) as unknown,
            client.websocket(f"ws://127.0.0.1:{service.port}/nothing"),
        ):
            pass

    assert found["name"] == "lamp"
    assert refused.value.code == 1008
    assert unknown.value.response.status_code == 403


def test_the_documented_events_tell_new_items(service: Service) -> None:
    service.served.request("POST", "/items", json={"name": "lamp"}).raise_for_status()

    with events(service) as names:
        first = next(names)
        service.served.request("POST", "/items", json={"name": "chair"}).raise_for_status()
        second = next(names)

    assert (first, second) == ("lamp", "chair")


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_a_service_with_open_websockets_and_events_stops(service: Service, name: str) -> None:
    service.served.request("POST", "/items", json={"name": "lamp"}).raise_for_status()
    with (
        httpx2.Client(trust_env=False) as client,
        client.websocket(f"ws://127.0.0.1:{service.port}/items/feed") as websocket,
        events(service) as names,
    ):
        next(names)
        service.signal(getattr(signal, name))

        with pytest.raises(WebSocketDisconnect) as closed:
            websocket.receive_text(timeout=20)
        assert list(names) == []

    assert closed.value.code == 1012
    assert service.served.wait() in (0, -signal.SIGINT)
    assert re.findall("Traceback|Exception", service.served.said) == []
