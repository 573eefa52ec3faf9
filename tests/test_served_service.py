"""A service really runs: installed as for production, migrated, served, asked, stopped."""

import asyncio
import json
import re
import shlex
import shutil
import signal
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import httpx
import pytest

from tests.support import serving
from tests.support.services import Environment
from tests.support.serving import Served, clean_environment, free_port, until

pytestmark = pytest.mark.slow

COMMANDS = {
    "make serve": "make serve PORT={port} HOST=127.0.0.1",
    "uvicorn": ".venv/bin/python -m uvicorn app.main:app --port {port}",
    "two workers": ".venv/bin/python -m uvicorn app.main:app --port {port} --workers 2",
}
DRAIN_SECONDS = 5  # where nothing is set

Serve = Callable[..., AbstractContextManager[Served]]


@pytest.fixture(scope="module")
def production(
    render: Callable[..., Path],
    environment: Environment,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """A service with what it needs in production, and nothing else. Never write into it."""
    folder = Path(shutil.copytree(render(), tmp_path_factory.mktemp("production") / "my-service"))
    shutil.copy2(environment.lock, folder)
    install = [serving.UV, "sync", "--quiet", "--locked", "--no-dev"]
    subprocess.run(install, cwd=folder, env=clean_environment(), check=True)
    return folder


@pytest.fixture(scope="module")
def server_url() -> Iterator[str]:
    with serving.temporary_server() as url:
        yield url


@pytest.fixture(scope="module")
def migrated(production: Path, server_url: str) -> Callable[[], str]:
    """`migrated()` is the URL of a new database with the service's tables."""
    template = serving.new_database(server_url)
    variables = clean_environment(ENVIRONMENT="production", POSTGRES_URL=template)
    command = [".venv/bin/alembic", "upgrade", "head"]
    subprocess.run(command, cwd=production, env=variables, check=True, capture_output=True)
    return lambda: serving.new_database(server_url, urlsplit(template).path[1:])


@pytest.fixture(scope="module")
def serve(production: Path, tmp_path_factory: pytest.TempPathFactory) -> Serve:
    """`with serve("uvicorn", POSTGRES_URL=url) as served: ...`"""
    logs = tmp_path_factory.mktemp("logs")

    @contextmanager
    def serve(command: str, **variables: str) -> Iterator[Served]:
        port = free_port()
        words = shlex.split(COMMANDS[command].format(port=port))
        settings = clean_environment(**{"ENVIRONMENT": "production"} | variables)
        with serving.serving(words, production, settings, port, logs) as served:
            yield served

    return serve


@pytest.fixture(scope="module", params=COMMANDS)
def served(
    request: pytest.FixtureRequest, serve: Serve, migrated: Callable[[], str]
) -> Iterator[Served]:
    """A service that is ready. Shared: a test uses names of its own."""
    with serve(request.param, POSTGRES_URL=migrated()) as served:
        served.wait_until_it_answers("/health/ready")
        yield served


def create(served: Served, name: str) -> dict[str, Any]:
    response = served.request("POST", "/items", json={"name": name})
    assert response.status_code == 201, response.text
    item: dict[str, Any] = response.json()
    return item


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
    assert page.status_code == 200
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"


def test_any_host_is_served(served: Served) -> None:
    answer = served.get("/health/live", headers={"Host": "anything.example.org"})

    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_of_80_who_want_a_name_at_once_one_gets_it_and_nobody_waits_in_vain(
    served: Served,
) -> None:
    body = {"name": uuid4().hex}

    async def write() -> list[int]:
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(
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
    # uvicorn's parent of several workers never loads the service: its own lines are its own.
    own = [text for text in served.errors.read_text().splitlines() if "INFO: " not in text]
    assert own == []


def server_of(served: Served) -> int:
    """The process that a supervisor would tell to stop: make passes no signal on in time."""
    if "make" not in str(served.process.args):
        return served.process.pid
    listed = subprocess.run(
        ["ps", "-eww", "-o", "pid=,pgid=,args="], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    rows = [line.split(maxsplit=2) for line in listed]
    [pid] = [
        int(pid)
        for pid, group, command in rows
        if group == str(served.process.pid) and "python" in command.split()[0]
    ]
    return pid


def test_a_name_is_not_lost_when_it_was_answered(serve: Serve, migrated: Callable[[], str]) -> None:
    url = migrated()

    with serve("uvicorn", POSTGRES_URL=url) as served:
        served.wait_until_it_answers("/health/ready")
        item = create(served, "lamp")
        served.process.kill()

    assert serving.sql(url, "SELECT id::text, name FROM public.item") == [(item["id"], "lamp")]


@pytest.mark.parametrize("command", COMMANDS)
def test_on_sigterm_a_service_drains_and_ends_with_0(
    serve: Serve, migrated: Callable[[], str], command: str
) -> None:
    with serve(command, POSTGRES_URL=migrated()) as served:
        served.wait_until_it_answers("/health/ready")
        told = time.monotonic()
        subprocess.run(["kill", "-TERM", str(server_of(served))], check=True)

        served.wait_until_it_answers("/health/ready", 503)
        not_ready_after = time.monotonic() - told
        item = create(served, "lamp")
        probe = served.get("/health/ready")
        answered_after = time.monotonic() - told
        code, ended_after = served.wait(), time.monotonic() - told

        assert (probe.status_code, probe.json()["detail"]) == (503, "The service is shutting down.")
        assert item["name"] == "lamp"
        assert not_ready_after < 1
        assert answered_after < DRAIN_SECONDS < ended_after < DRAIN_SECONDS + 2
        assert (code, served.left()) == (0, [])


@pytest.mark.parametrize("command", COMMANDS)
def test_without_drain_a_service_ends_at_once_with_0(
    serve: Serve, migrated: Callable[[], str], command: str
) -> None:
    with serve(command, POSTGRES_URL=migrated(), SHUTDOWN_DRAIN_SECONDS="0") as served:
        served.wait_until_it_answers("/health/ready")
        told = time.monotonic()
        subprocess.run(["kill", "-TERM", str(server_of(served))], check=True)
        code, ended_after = served.wait(), time.monotonic() - told

        assert ended_after < 2
        assert (code, served.left()) == (0, [])


def test_a_second_sigterm_stops_at_once(serve: Serve, migrated: Callable[[], str]) -> None:
    with serve("uvicorn", POSTGRES_URL=migrated()) as served:
        served.wait_until_it_answers("/health/ready")
        told = time.monotonic()
        served.process.send_signal(signal.SIGTERM)
        served.wait_until_it_answers("/health/ready", 503)
        served.process.send_signal(signal.SIGTERM)
        code, ended_after = served.wait(), time.monotonic() - told

        assert ended_after < 2
        assert (code, served.left()) == (0, [])


@contextmanager
def nobody_listens() -> Iterator[str]:
    yield f"postgresql://app:hunter2@127.0.0.1:{free_port()}/app"


@contextmanager
def nobody_answers() -> Iterator[str]:
    """Accepts connections and says nothing: a firewall, or a machine that hangs."""
    with socket.create_server(("127.0.0.1", 0), backlog=200) as listener:
        yield f"postgresql://app:hunter2@127.0.0.1:{listener.getsockname()[1]}/app"


@contextmanager
def no_such_host() -> Iterator[str]:
    yield "postgresql://app:hunter2@nowhere.invalid/app"


@pytest.mark.parametrize("database", [nobody_listens, nobody_answers, no_such_host])
def test_a_service_starts_while_postgres_is_away(
    serve: Serve, database: Callable[[], AbstractContextManager[str]]
) -> None:
    with database() as url, serve("uvicorn", POSTGRES_URL=url) as served:
        served.wait_until_it_answers("/health/live")
        asked = time.monotonic()
        ready = served.get("/health/ready", headers={"X-Request-ID": "probe-0001"})
        answered_after = time.monotonic() - asked
        write = served.request("POST", "/items", json={"name": "lamp"})

        assert served.get("/health/live").status_code == 200
        assert ready.json() == {
            "type": "about:blank",
            "title": "Service Unavailable",
            "status": 503,
            "detail": "The database does not answer.",
            "request_id": "probe-0001",
        }
        assert answered_after < 1
        assert (write.status_code, write.headers["Retry-After"]) == (503, "1")
        assert "hunter2" not in served.said


def test_a_service_recovers_when_postgres_comes(
    serve: Serve, migrated: Callable[[], str], tmp_path: Path
) -> None:
    [(folder,)] = serving.sql(url := migrated(), "SHOW unix_socket_directories")
    place = tmp_path / "pg"  # leads to the server's socket later

    with serve("uvicorn", POSTGRES_URL=re.sub(r"host=[^&]+", f"host={place}", url)) as served:
        served.wait_until_it_answers("/health/live")
        before = served.get("/health/ready").status_code
        refused = served.request("POST", "/items", json={"name": "lamp"}).status_code
        place.symlink_to(folder)
        served.wait_until_it_answers("/health/ready")

        assert (before, refused) == (503, 503)
        assert create(served, "lamp")["name"] == "lamp"
        assert served.process.poll() is None


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({}, r"POSTGRES_URL\n  Field required"),
        ({"POSTGRES_URL": ""}, r"POSTGRES_URL\n  Field required"),
        (
            {"POSTGRES_URL": "mysql://root:hunter2@db.example.org/app"},
            r"POSTGRES_URL\n  Value error, A Postgres URL starts with postgresql:// "
            r"\(or postgres://\)\.",
        ),
        (
            {"POSTGRES_URL": "hunter2"},
            r"POSTGRES_URL\n  Value error, A Postgres URL starts with postgresql:// "
            r"\(or postgres://\)\.",
        ),
        (
            {"POSTGRES_URL": "postgresql://app:hunter2@db/app", "DEBUG": "1"},
            r"  Value error, DEBUG logs every statement and must not be on in production: "
            r"unset DEBUG, or set ENVIRONMENT=local\.",
        ),
        (
            {"POSTGRES_URL": "postgresql://app:hunter2@db/app", "ENVIRONMENT": "prod"},
            r"environment\n  Input should be 'local', 'test', 'staging' or 'production'",
        ),
    ],
    ids=["no URL", "empty URL", "another database", "no URL at all", "debug", "environment"],
)
@pytest.mark.parametrize("command", ["make serve", "uvicorn"])
def test_wrong_settings_end_the_service_with_a_sentence_and_without_a_password(
    serve: Serve, command: str, variables: dict[str, str], sentence: str
) -> None:
    with serve(command, **variables) as served:
        code = served.wait()

        assert code != 0
        assert re.search(rf"^{sentence}", served.said, re.MULTILINE), served.said
        assert "hunter2" not in served.said
