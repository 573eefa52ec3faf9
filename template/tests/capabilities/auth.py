"""Fixtures of `auth=oidc`: an issuer that the tests play, and callers with its tokens.

Nothing is overridden in the service: it discovers this issuer, fetches its keys and verifies real
signatures. Only the network is missing.

Each request of a test carries a token of `tester`, with the scopes that TEST_SCOPES names in
`tests/settings.auth.env`, unless it has an `Authorization` header: an empty one sends none.
"""

import json
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from fastapi import FastAPI
from httpx2 import ASGITransport, AsyncClient
from httpx2.websockets import ASGIWebSocketTransport
from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry
from joserfc.util import json_b64encode, urlsafe_b64encode

from app.server.capabilities.auth import provider
from app.server.capabilities.auth.settings import Settings

URL = "https://issuer.test/"
AUDIENCE = "https://api.test"
Answer = httpx2.Response | Exception


class In(float):
    """A time that is so many seconds from now: `issuer.token(exp=In(60))`."""


def new_key(key_id: str | None = None) -> ECKey:
    return ECKey.generate_key("P-256", {"kid": key_id or uuid4().hex, "use": "sig"})


def signed(header: dict[str, Any], payload: bytes, key: ECKey | OKPKey | RSAKey) -> str:
    """What joserfc would rather not sign, too."""
    content = json_b64encode(header) + b"." + urlsafe_b64encode(payload)
    signature = JWSRegistry.algorithms[header["alg"]].sign(content, key)
    return (content + b"." + urlsafe_b64encode(signature)).decode()


@dataclass
class Issuer:
    """Plays an issuer. `answers` replaces what it says at a path; `asked` has what it was asked."""

    key: ECKey | OKPKey | RSAKey = field(default_factory=new_key)
    keys: list[dict[str, Any]] = field(default_factory=list)
    answers: dict[str, Callable[[httpx2.Request], Answer]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.keys = self.keys or [dict(self.key.as_dict(private=False))]

    def token(self, *, scope: str = "", header: dict[str, Any] | None = None, **claims: Any) -> str:
        """A token that is valid, but for what is given. A claim that is None is left out."""
        now = int(time.time())
        all_claims = {
            "iss": URL,
            "aud": AUDIENCE,
            "sub": "tester",
            "client_id": "tests",
            "scope": scope,
            "iat": now,
            "exp": now + 3600,
        } | {
            name: now + value if isinstance(value, In) else value for name, value in claims.items()
        }
        given = {name: value for name, value in all_claims.items() if value is not None}
        all_headers = {"alg": "ES256", "kid": self.key.kid, "typ": "at+jwt"} | (header or {})
        headers = {name: value for name, value in all_headers.items() if value is not None}
        return signed(headers, json.dumps(given).encode(), self.key)

    async def answer(self, request: httpx2.Request) -> httpx2.Response:
        path = request.url.path
        self.asked.append(path)
        if path in self.answers:
            answer = self.answers[path](request)
            if isinstance(answer, Exception):
                raise answer
            return answer
        documents: dict[str, dict[str, Any]] = {
            "/.well-known/openid-configuration": {
                "issuer": URL,
                "jwks_uri": f"{URL}keys",
                "introspection_endpoint": f"{URL}introspect",
            },
            "/keys": {"keys": self.keys},
        }
        return httpx2.Response(200 if path in documents else 404, json=documents.get(path, {}))

    def go_away(self) -> None:
        """Refuse every connection."""
        error = httpx2.ConnectError("refused")
        for path in ("/.well-known/openid-configuration", "/keys", "/introspect"):
            self.answers[path] = lambda _: error

    def come_back(self) -> None:
        self.answers.clear()


ISSUERS = [Issuer()]
"""The last one answers. The first one signs the tokens that requests have by default."""


def _new_client(settings: Settings) -> AsyncClient:
    async def answer(request: httpx2.Request) -> httpx2.Response:
        return await ISSUERS[-1].answer(request)

    return AsyncClient(
        transport=httpx2.MockTransport(answer), timeout=settings.oidc_timeout_seconds
    )


@pytest.fixture(scope="session", autouse=True)
def _issuer_and_default_token() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(provider, "new_client", _new_client)
        for transport in (ASGITransport, ASGIWebSocketTransport):
            patch.setattr(transport, "handle_async_request", _with_token(transport))
        yield


def _with_token(transport: type[ASGITransport]) -> Callable[..., Any]:
    send = transport.handle_async_request

    async def handle_async_request(self: Any, request: httpx2.Request) -> httpx2.Response:
        if request.headers.get("Authorization") == "":
            del request.headers["Authorization"]
        elif "Authorization" not in request.headers:
            token = ISSUERS[0].token(scope=os.environ.get("TEST_SCOPES", ""))
            request.headers["Authorization"] = f"Bearer {token}"
        return await send(self, request)

    return handle_async_request


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    """An issuer of this test alone, with a key of its own, for services that the test creates."""
    ISSUERS.append(Issuer())
    yield ISSUERS[-1]
    ISSUERS.pop()


@asynccontextmanager
async def connected(app: FastAPI, token: str | None) -> AsyncIterator[AsyncClient]:
    headers = {"Authorization": f"Bearer {token}" if token else ""}
    async with AsyncClient(
        transport=ASGITransport(app), base_url="http://test", headers=headers
    ) as client:
        yield client


@pytest.fixture
def client_with(app: FastAPI) -> Callable[..., Any]:
    """`async with client_with("items:read items:write") as client: ...` is a caller with scopes."""

    def client_with(scope: str = "", **claims: Any) -> Any:
        return connected(app, ISSUERS[-1].token(scope=scope, **claims))

    return client_with


@pytest.fixture
async def anonymous_client(app: FastAPI) -> AsyncIterator[AsyncClient]:
    """Nobody: requests without a token."""
    async with connected(app, None) as client:
        yield client
