"""Opaque tokens: the issuer says what they mean, and its answer is kept no longer than it holds."""

import asyncio
import base64
import time
from typing import Any
from urllib.parse import parse_qs

import httpx2
import pytest
from fastapi import FastAPI

from app.core.auth import CallerDep
from app.core.config import Settings
from app.main import create_app
from tests.capabilities.auth import AUDIENCE, URL, Issuer, connected

TOKEN = "mF_9.B5f-4.1JqM"  # noqa: S105


class Registry:
    """What the issuer knows of opaque tokens."""

    def __init__(self) -> None:
        self.tokens: dict[str, dict[str, Any]] = {}
        self.requests: list[httpx2.Request] = []

    def add(self, **others: Any) -> None:
        meaning = {"active": True, "aud": AUDIENCE, "sub": "ada", "exp": time.time() + 600}
        meaning |= {"scope": "items:read", "client_id": "web"} | others
        self.tokens[TOKEN] = {name: value for name, value in meaning.items() if value is not None}

    def answer(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        [token] = parse_qs(request.content.decode())["token"]
        return httpx2.Response(200, json=self.tokens.get(token, {"active": False}))


@pytest.fixture
def registry(issuer: Issuer) -> Registry:
    registry = Registry()
    issuer.answers["/introspect"] = registry.answer
    return registry


@pytest.fixture
def introspecting(
    registry: Registry, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> FastAPI:
    monkeypatch.setenv("OIDC_CLIENT_ID", "this:service")
    monkeypatch.setenv("OIDC_CLIENT_SECRET", "pass word")
    app = create_app(settings)

    @app.get("/me")
    async def get_me(caller: CallerDep) -> dict[str, Any]:
        scopes = sorted(caller.scopes)
        return {"subject": caller.subject, "client": caller.client, "scopes": scopes}

    return app


async def ask(app: FastAPI, token: str = TOKEN) -> httpx2.Response:
    async with connected(app, token) as client:
        return await client.get("/me")


async def test_the_issuer_is_asked_once_by_the_client_of_the_service(
    introspecting: FastAPI, registry: Registry
) -> None:
    registry.add()

    answers = [await ask(introspecting) for _ in range(3)]

    [request] = registry.requests
    credentials = base64.b64encode(b"this%3Aservice:pass%20word").decode()
    told = {"subject": "ada", "client": "web", "scopes": ["items:read"]}
    assert [answer.json() for answer in answers] == [told] * 3
    assert request.headers["Authorization"] == f"Basic {credentials}"
    assert parse_qs(request.content.decode()) == {
        "token": [TOKEN],
        "token_type_hint": ["access_token"],
    }


async def test_signed_tokens_are_verified_here_as_before(
    introspecting: FastAPI, registry: Registry, issuer: Issuer
) -> None:
    assert (await ask(introspecting, issuer.token())).json()["subject"] == "tester"
    assert (await ask(introspecting, Issuer().token())).status_code == 401
    assert registry.requests == []


async def test_a_hundred_requests_with_one_token_share_a_question(
    introspecting: FastAPI, registry: Registry
) -> None:
    registry.add()

    answers = await asyncio.gather(*(ask(introspecting) for _ in range(100)))

    assert {answer.status_code for answer in answers} == {200}
    assert len(registry.requests) == 1


@pytest.mark.parametrize(
    ("meaning", "sentence"),
    [
        ({"active": False}, "The token is not active."),
        ({"active": "true"}, "The token is not active."),
        ({"active": 1}, "The token is not active."),
        ({"active": None}, "The token is not active."),
        ({"aud": None}, "The token names no audience."),
        ({"aud": "https://other.test"}, "The token is for another audience."),
        ({"iss": "https://evil.test/"}, "The token is from another issuer."),
        ({"exp": None}, "The token does not expire."),
        ({"exp": 1}, "The token has expired."),
        ({"token_type": "refresh_token"}, "This is not an access token."),
        ({"token_type": "DPoP"}, "This is not an access token."),
        ({"typ": "Refresh"}, "This is not an access token."),
        ({"cnf": {"jkt": "x"}}, "The token is bound to a key"),
        ({"sub": None, "client_id": None}, "The token names no subject."),
        ({"sub": 7}, "The token names no subject."),
        ({"scope": 7}, "The token's scopes are not text."),
    ],
    ids=str,
)
async def test_an_opaque_token_is_held_to_the_same_rules(
    introspecting: FastAPI, registry: Registry, meaning: dict[str, Any], sentence: str
) -> None:
    registry.add(**meaning)

    first, second = await ask(introspecting), await ask(introspecting)

    assert (first.status_code, second.status_code) == (401, 401)
    assert first.json()["detail"].startswith(sentence)
    assert first.headers["WWW-Authenticate"].startswith('Bearer error="invalid_token"')
    assert len(registry.requests) == 1


async def test_a_client_that_acts_for_itself_is_its_own_subject(
    introspecting: FastAPI, registry: Registry
) -> None:
    registry.add(sub=None, iss=URL, aud=[AUDIENCE], token_type="Bearer")  # noqa: S106

    assert (await ask(introspecting)).json()["subject"] == "web"


async def test_an_answer_is_kept_for_a_minute_and_never_beyond_the_end_of_the_token(
    introspecting: FastAPI, registry: Registry, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time()
    statuses = []
    for expiry, seconds in ((600, 59), (600, 61), (30, 29), (30, 31)):
        introspecting.state.verifier.introspection.known.forget_all()
        issuer.answers["/introspect"] = registry.answer
        registry.add(exp=now + expiry)
        statuses.append((await ask(introspecting)).status_code)
        issuer.go_away()
        with monkeypatch.context() as patch:
            patch.setattr(time, "time", lambda later=now + seconds: later)
            statuses.append((await ask(introspecting)).status_code)

    assert statuses == [200, 200, 200, 503, 200, 200, 200, 503]


async def test_an_opaque_token_is_a_503_while_the_issuer_is_away(
    introspecting: FastAPI, issuer: Issuer, capsys: pytest.CaptureFixture[str]
) -> None:
    issuer.go_away()

    response = await ask(introspecting)

    assert response.status_code == 503
    assert response.json()["detail"] == "The issuer is not available now. Try again."
    assert TOKEN not in capsys.readouterr().out


async def test_new_tokens_beyond_twenty_at_once_are_a_503(
    introspecting: FastAPI, registry: Registry
) -> None:
    answers = await asyncio.gather(*(ask(introspecting, f"opaque-{n}") for n in range(60)))

    statuses = [answer.status_code for answer in answers]
    assert set(statuses) == {401, 503}
    assert len(registry.requests) == statuses.count(401)
    assert (await ask(introspecting, "opaque-later")).status_code == 401


async def test_opaque_tokens_are_refused_without_the_setting(
    issuer: Issuer, registry: Registry, app: FastAPI
) -> None:
    registry.add()

    assert (await ask(app)).status_code == 401
    assert registry.requests == []
