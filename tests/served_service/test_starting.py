"""How a service starts: without Postgres, and not at all with wrong settings."""

import re
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from tests.served_service.conftest import Serve, create
from tests.support import serving
from tests.support.serving import free_port

pytestmark = pytest.mark.slow

NOT_POSTGRES = "POSTGRES_URL: A Postgres URL starts with postgresql:// (or postgres://)."


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
        assert answered_after < 3  # when an attempt to connect gives up
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


def test_a_local_service_with_a_database_elsewhere_is_warned_about_once(serve: Serve) -> None:
    url = "postgresql://app:hunter2@nowhere.invalid/app?sslmode=require"

    with serve("uvicorn", POSTGRES_URL=url, ENVIRONMENT="local", LOG_FORMAT="json") as served:
        served.wait_until_it_answers("/health/live")

        sentence = "ENVIRONMENT is local, but the database is on another machine:"
        assert served.said.count(sentence) == 1


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({}, "POSTGRES_URL: Field required"),
        ({"POSTGRES_URL": ""}, "POSTGRES_URL: Field required"),
        ({"POSTGRES_URL": "mysql://root:hunter2@db.example.org/app"}, NOT_POSTGRES),
        ({"POSTGRES_URL": "hunter2"}, NOT_POSTGRES),
        (
            {"POSTGRES_URL": "postgresql://app:hunter2@db/app", "DEBUG": "1"},
            "DEBUG logs every statement and must not be on in production: "
            "unset DEBUG, or set ENVIRONMENT=local.",
        ),
        (
            {"POSTGRES_URL": "postgresql://app:hunter2@db/app", "ENVIRONMENT": "prod"},
            "ENVIRONMENT: Set it to local (for development), test, staging or production.",
        ),
    ],
    ids=["no URL", "empty URL", "another database", "no URL at all", "debug", "environment"],
)
@pytest.mark.parametrize("command", ["make serve", "uvicorn"])
def test_wrong_settings_end_the_service_with_a_sentence_alone(
    serve: Serve, command: str, variables: dict[str, str], sentence: str
) -> None:
    with serve(command, **variables) as served:
        code = served.wait()

        said = [line for line in served.said.splitlines() if not line.startswith("make: ***")]
        assert code != 0
        assert said == ["The settings are not valid; .env.example lists all.", sentence]
