"""Checks every contender before it is measured: it must give the service's answers."""

from typing import Any
from uuid import uuid4

import httpx2

from benchmarks.plan import RAW, SERVICE, USUAL, Contender, item_path

WATCHED = ("name", "attributes")


def check(contender: Contender, url: str) -> None:
    """Raises `AssertionError` if an answer differs from the service's."""
    with httpx2.Client(base_url=url, trust_env=False) as client:
        _check_reads(client)
        _check_writes(client)
        if contender in {RAW, USUAL, SERVICE}:  # the others have no error handling
            _check_errors(client)


def cursors(url: str) -> list[str]:
    """Cursors at different places in the list of items."""
    found: list[str] = []
    with httpx2.Client(base_url=url, trust_env=False) as client:
        while len(found) < 9:
            query = {"limit": "100", **({"after": found[-1]} if found else {})}
            found.append(client.get("/items", params=query).json()["next"])
    return found


def item(number: int) -> dict[str, Any]:
    """An item as the database is filled with it."""
    minutes, seconds = divmod(number, 60)
    return {
        "id": item_path(number).removeprefix("/items/"),
        "name": f"lamp {number}",
        "attributes": {"tags": ["a", "b"], "watts": 7},
        "created_at": f"2026-01-01T00:{minutes:02}:{seconds:02}.500000Z",
        "updated_at": "2026-01-02T00:00:00.500000Z",
    }


def listed(number: int) -> dict[str, Any]:
    """The same item in a list."""
    return {name: value for name, value in item(number).items() if name != "attributes"}


def _check_reads(client: httpx2.Client) -> None:
    one = client.get(item_path(1000))
    assert (one.status_code, one.json()) == (200, item(1000)), one.text
    first = client.get("/items?limit=2").json()
    assert first["items"] == [listed(1), listed(2)], first
    second = client.get("/items", params={"limit": "2", "after": first["next"]}).json()
    assert second["items"] == [listed(3), listed(4)], second


def _check_writes(client: httpx2.Client) -> None:
    sent = {"name": f"{uuid4()}", "attributes": {"watts": [5, 7.5]}}
    created = client.post("/items", json=sent)
    assert created.status_code == 201, created.text
    assert {name: created.json()[name] for name in WATCHED} == sent, created.text
    changed = client.patch(item_path(999), json={"attributes": {"watts": 9}})
    assert changed.status_code == 200, changed.text
    assert changed.json()["updated_at"] > item(999)["updated_at"]
    again = client.patch(item_path(999), json={"attributes": item(999)["attributes"]})
    assert {name: again.json()[name] for name in WATCHED} == {
        name: item(999)[name] for name in WATCHED
    }, again.text


def _check_errors(client: httpx2.Client) -> None:
    absent = f"/items/{uuid4()}"
    answers = {
        404: client.get(absent),
        409: client.post("/items", json={"name": "lamp 1"}),
        422: client.post("/items", json={"name": ""}),
    }
    for status, answer in answers.items():
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
    assert client.patch(absent, json={"attributes": {}}).status_code == 404
