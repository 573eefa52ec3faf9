"""Answers that fail after their first byte, when no other status can be sent."""

import socket

import pytest

from tests.faults.client import head
from tests.faults.conftest import Serve, through_poolers
from tests.faults.production import Service
from tests.support.serving import until

pytestmark = [pytest.mark.slow, through_poolers]


def read_until_it_ends(port: int, path: str, request_id: str) -> bytes:
    """All that the server sends before it closes the connection."""
    request = head("GET", path, more=f"\r\nX-Request-ID: {request_id}")
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(request)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def request_is_logged(service: Service, request_id: str) -> bool:
    return any((r["event"], r.get("request_id")) == ("request", request_id) for r in service.log)


@pytest.mark.parametrize(
    ("how", "cause"),
    [
        ("handler", "There is no more."),
        ("service", "There is no row 5000."),
        ("database", "DivisionByZeroError"),
    ],
)
def test_an_answer_that_fails_midway_is_cut_and_logged_once(
    serve: Serve, how: str, cause: str
) -> None:
    service = serve()
    request_id = f"stream-of-{how}"

    answer = read_until_it_ends(service.port, f"/faults/rows?how={how}", request_id)
    until(lambda: request_is_logged(service, request_id), "the request is logged")

    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert b"\r\n1\n\r\n" in answer
    assert not answer.endswith(b"0\r\n\r\n")  # the end of a whole answer
    errors = [line for line in service.log if line["level"] == "error"]
    assert [line["request_id"] for line in errors] == [request_id]
    assert cause in errors[0]["exception"]
