"""What a service that really runs answers."""

import asyncio
import json
import os
import re
import signal
from collections import Counter
from collections.abc import Callable
from http import HTTPStatus
from uuid import UUID, uuid4

import httpx2
import pytest

from tests.served_service.conftest import Serve, create, server_of
from tests.support.serving import Served, until

pytestmark = pytest.mark.slow


def test_the_probes_answer(served: Served) -> None:
    probes = {path: served.get(path) for path in ("/health/live", "/health/ready")}

    assert {path: (probe.status_code, probe.json()) for path, probe in probes.items()} == {
        "/health/live": (200, {"status": "ok"}),
        "/health/ready": (200, {"status": "ok"}),
    }


def test_an_item_is_created_read_changed_and_deleted(served: Served) -> None:
    name = uuid4().hex

    created = served.request("POST", "/items", json={"name": name})
    item = created.json()
    place = created.headers["Location"]
    read = served.get(place)
    changed = served.request("PATCH", place, json={"attributes": {"watts": 5}})
    deleted = served.request("DELETE", place)

    assert created.status_code == 201
    assert item == {
        "id": str(UUID(item["id"])),
        "name": name,
        "attributes": {},
        "created_at": item["created_at"],
        "updated_at": item["updated_at"],
    }
    assert place == f"/items/{item['id']}"
    assert (read.status_code, read.json()) == (200, item)
    assert (changed.status_code, changed.json()) == (
        200,
        item | {"attributes": {"watts": 5}, "updated_at": changed.json()["updated_at"]},
    )
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert served.get(place).status_code == 404


def test_items_are_listed_by_prefix_and_page(served: Served) -> None:
    prefix = uuid4().hex
    for letter in "cab":
        create(served, f"{prefix} {letter}")
    query = {"name_prefix": f"{prefix} ", "limit": "2"}

    first = served.get("/items", params=query).json()
    last = served.get("/items", params=query | {"after": first["next"]}).json()

    assert [item["name"] for item in first["items"]] == [f"{prefix} c", f"{prefix} a"]
    assert [item["name"] for item in last["items"]] == [f"{prefix} b"]
    assert last["next"] is None


def test_errors_are_problems(served: Served) -> None:
    nobody, name = uuid4(), uuid4().hex
    create(served, name)
    who = {"X-Request-ID": uuid4().hex}

    answers = [
        served.get(f"/items/{nobody}", headers=who),
        served.request("POST", "/items", json={"name": name}, headers=who),
        served.request("POST", "/items", json={"name": ""}, headers=who),
        served.get("/nowhere", headers=who),
    ]

    problems = [answer.json() for answer in answers]
    for answer, problem in zip(answers, problems, strict=True):
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.headers["X-Request-ID"] == problem.pop("request_id") == who["X-Request-ID"]
        assert problem.pop("type") == "about:blank"
        assert problem.pop("status") == answer.status_code
        assert problem.pop("title") == HTTPStatus(answer.status_code).phrase
    assert [answer.status_code for answer in answers] == [404, 409, 422, 404]
    assert problems == [
        {"detail": f"There is no item {nobody}."},
        {
            "detail": "This is already taken.",
            "errors": [{"pointer": "/body/name", "detail": "name is already taken"}],
        },
        {
            "detail": "The request is not valid: see `errors`.",
            "errors": [
                {"pointer": "/body/name", "detail": "String should have at least 1 character"}
            ],
        },
        {"detail": "There is nothing at /nowhere."},
    ]


def test_the_api_describes_itself(served: Served) -> None:
    document = served.get("/openapi.json").json()
    page = served.get("/docs")

    assert {path: sorted(methods) for path, methods in document["paths"].items()} == {
        "/health/live": ["get"],
        "/health/ready": ["get"],
        "/items": ["get", "post"],
        "/items/{item_id}": ["delete", "get", "patch"],
    }
    assert document["info"]["title"] == "my-service"
    assert page.status_code == 404  # in production


def test_any_host_is_served(served: Served) -> None:
    answer = served.get("/health/live", headers={"Host": "anything.example.org"})

    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_of_80_who_want_a_name_at_once_one_gets_it_and_nobody_waits_in_vain(
    served: Served,
) -> None:
    body = {"name": uuid4().hex}

    async def write() -> list[int]:
        limits = httpx2.Limits(max_connections=None)
        async with httpx2.AsyncClient(
            base_url=served.url, trust_env=False, limits=limits, timeout=30
        ) as client:
            answers = await asyncio.gather(*(client.post("/items", json=body) for _ in range(80)))
        return [answer.status_code for answer in answers]

    assert Counter(asyncio.run(write())) == {201: 1, 409: 79}


def test_every_line_on_stdout_is_json_and_tells_the_request(served: Served) -> None:
    request_id = uuid4().hex
    served.get("/items", headers={"X-Request-ID": request_id})

    until(lambda: request_id in served.output.read_text(), "the request is logged")
    lines = [json.loads(line) for line in served.output.read_text().splitlines()]
    [line] = [line for line in lines if line.get("request_id") == request_id]

    assert {"event", "level", "logger", "timestamp"} <= set.intersection(*map(set, lines))
    assert line == line | {
        "event": "request",
        "level": "info",
        "method": "GET",
        "route": "/items",
        "status": 200,
        "sql_count": 1,
    }
    # uvicorn's parent of several workers never loads the service: see the test below.
    own = [text for text in served.errors.read_text().splitlines() if "INFO: " not in text]
    assert own == []


@pytest.mark.parametrize(
    ("command", "variables"),
    [
        ("make serve", {"WEB_CONCURRENCY": "2"}),
        ("two workers", {"UVICORN_LOG_CONFIG": "app/server/uvicorn_log.json"}),
    ],
)
def test_uvicorns_parent_process_writes_json_as_the_service_does(
    serve: Serve, migrated: Callable[[], str], command: str, variables: dict[str, str]
) -> None:
    variables |= {"POSTGRES_URL": migrated(), "SHUTDOWN_DRAIN_SECONDS": "0"}
    with serve(command, **variables) as served:
        served.wait_until_it_answers("/health/ready")
        os.kill(server_of(served), signal.SIGTERM)
        served.wait()

        lines = [json.loads(line) for line in served.output.read_text().splitlines()]
        events = [re.sub(r"\d+", "7", line["event"]) for line in lines]
        assert events[:2] == [
            "Uvicorn running on http://7.7.7.7:7 (Press CTRL+C to quit)",
            "Started parent process [7]",
        ]
        assert {"Received SIGTERM, exiting.", "Terminated child process [7]"} < set(events)
        assert events[-1] == "Stopping parent process [7]"
        assert {line["service"] for line in lines} == {"my-service"}
        assert served.errors.read_text() == ""
