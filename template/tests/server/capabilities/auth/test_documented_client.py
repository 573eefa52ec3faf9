"""The client of docs/auth.md, which calls other services."""

import asyncio
import re
import time
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote

import httpx2
import pytest

PAGE = Path(__file__).parents[4] / "docs" / "auth.md"
TOKEN_URL = "https://issuer.test/token"  # noqa: S105


@pytest.fixture
def credentials() -> Any:
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    [block] = [block for block in blocks if "httpx2.Auth)" in block]
    names: dict[str, Any] = {"httpx2": httpx2, "asyncio": asyncio, "time": time, "quote": quote}
    exec(block, names | {"AsyncGenerator": AsyncGenerator}, names)  # noqa: S102  # our own page
    return names["ClientCredentials"](TOKEN_URL, "this:service", "secret", "things:read")


class Others:
    """The issuer and the other service."""

    def __init__(self) -> None:
        self.asked: list[httpx2.Request] = []
        self.called_with: list[str] = []
        self.refuse = False

    def answer(self, request: httpx2.Request) -> httpx2.Response:
        if str(request.url) == TOKEN_URL:
            self.asked.append(request)
            token = f"token-{len(self.asked)}"
            return httpx2.Response(200, json={"access_token": token, "expires_in": 100})
        self.called_with.append(request.headers["Authorization"])
        return httpx2.Response(401 if self.refuse else 200)


async def test_a_hundred_requests_fetch_one_token(credentials: Any) -> None:
    others = Others()

    async with httpx2.AsyncClient(
        auth=credentials, transport=httpx2.MockTransport(others.answer)
    ) as client:
        await asyncio.gather(*(client.get("https://other.test/things") for _ in range(100)))

    [request] = others.asked
    assert others.called_with == ["Bearer token-1"] * 100
    assert request.headers["Authorization"].startswith("Basic ")
    assert parse_qs(request.content.decode()) == {
        "grant_type": ["client_credentials"],
        "scope": ["things:read"],
    }


async def test_a_token_is_renewed_before_it_ends_or_when_it_was_refused(
    credentials: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = Others()
    started = time.monotonic()

    async with httpx2.AsyncClient(
        auth=credentials, transport=httpx2.MockTransport(others.answer)
    ) as client:
        for seconds in (0, 79, 81):
            monkeypatch.setattr(time, "monotonic", lambda now=started + seconds: now)
            await client.get("https://other.test/things")
        others.refuse = True
        await client.get("https://other.test/things")
        await client.get("https://other.test/things")

    tokens = [header.removeprefix("Bearer token-") for header in others.called_with]
    assert tokens == ["1", "1", "2", "2", "3"]
