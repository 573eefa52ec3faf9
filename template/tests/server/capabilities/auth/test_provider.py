"""Answers of the issuer that are wrong, too large or too late are no answers."""

import asyncio
import json

import httpx2
import pytest
from fastapi import FastAPI

from app.core.config import Settings
from app.main import create_app
from tests.capabilities.auth import URL, Issuer, connected

DISCOVERY = "/.well-known/openid-configuration"


async def status(app: FastAPI, issuer: Issuer) -> int:
    async with connected(app, issuer.token()) as client:
        return (await client.get("/nowhere")).status_code


async def test_an_issuer_that_does_not_answer_costs_no_more_than_the_limit(
    issuer: Issuer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OIDC_TIMEOUT_SECONDS", "0.2")
    app = create_app(settings)
    verifier = app.state.verifier
    stuck = asyncio.Event()

    async def wait(_: object) -> list[object]:
        async with verifier.provider._in_time():
            await stuck.wait()
        return []

    verifier.keys.provider.keys = lambda: wait(None)

    async with asyncio.timeout(2):
        assert await status(app, issuer) == 503


ANSWERS: dict[str, tuple[str, httpx2.Response, str]] = {
    "an error": (DISCOVERY, httpx2.Response(500), "answers 500"),
    "no JSON": (DISCOVERY, httpx2.Response(200, text="<html>"), "does not answer JSON"),
    "deep JSON": (DISCOVERY, httpx2.Response(200, text="[" * 200_000), "does not answer JSON"),
    "a list": (DISCOVERY, httpx2.Response(200, json=[]), "not answer an object"),
    "a redirect": (
        DISCOVERY,
        httpx2.Response(302, headers={"Location": "https://evil.test/"}),
        "answers 302",
    ),
    "300 KB": (DISCOVERY, httpx2.Response(200, text=" " * 300_000), "more than 262144 bytes"),
    "another issuer": (
        DISCOVERY,
        httpx2.Response(200, json={"issuer": URL[:-1], "jwks_uri": f"{URL}keys"}),
        "they must be the same, to the last slash",
    ),
    "no keys' address": (DISCOVERY, httpx2.Response(200, json={"issuer": URL}), "no jwks_uri"),
    "a file": (
        DISCOVERY,
        httpx2.Response(200, json={"issuer": URL, "jwks_uri": "file:///etc/passwd"}),
        "no jwks_uri that begins with https://",
    ),
    "keys that are no list": ("/keys", httpx2.Response(200, json={"keys": {}}), "no list of keys"),
    "no usable key": (
        "/keys",
        httpx2.Response(200, json={"keys": [1, {}, {"kid": "a", "kty": "oct", "k": "AAAA"}]}),
        "no key that verifies signatures",
    ),
}


@pytest.mark.parametrize("name", ANSWERS)
async def test_an_answer_that_is_wrong_is_a_503_and_logged(
    issuer: Issuer, app: FastAPI, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path, answer, reason = ANSWERS[name]
    issuer.answers[path] = lambda _: answer

    answered = await status(app, issuer)

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    [told] = [line["reason"] for line in lines if "reason" in line]
    assert answered == 503
    assert reason in told
