"""What was verified is remembered: boundedly, and never beyond its time."""

import time
from typing import Any

import pytest
from fastapi import FastAPI

from app.server.capabilities.auth.memory import Memory
from tests.capabilities.auth import In, Issuer, connected


async def status(app: FastAPI, token: str) -> int:
    async with connected(app, token) as client:
        return (await client.get("/health/nowhere")).status_code


async def test_a_token_is_verified_once(
    issuer: Issuer, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    verified = []
    claims_of = app.state.verifier.signatures.claims_of

    async def counted(token: bytes) -> dict[str, Any]:
        verified.append(token)
        claims: dict[str, Any] = await claims_of(token)
        return claims

    monkeypatch.setattr(app.state.verifier.signatures, "claims_of", counted)
    token = issuer.token()

    statuses = {await status(app, token) for _ in range(20)}

    assert statuses == {404}
    assert verified == [token.encode()]


async def test_a_token_that_was_remembered_ends_with_its_time(
    issuer: Issuer, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    token, now = issuer.token(exp=In(60)), time.time()
    statuses = []

    for seconds in (0, 89, 91):
        monkeypatch.setattr(time, "time", lambda later=now + seconds: later)
        statuses.append(await status(app, token))

    assert statuses == [404, 404, 401]


def test_no_more_than_a_number_of_tokens_are_remembered() -> None:
    memory = Memory[int](most=3)

    for number in range(5):
        memory.remember(f"token {number}".encode(), number, until=time.time() + 60)
        memory.recall(b"token 0")

    kept = [memory.recall(f"token {number}".encode()) for number in range(5)]
    assert kept == [0, None, None, 3, 4]
