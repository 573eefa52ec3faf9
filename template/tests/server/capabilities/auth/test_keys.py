"""The issuer's keys: fetched when needed, at most once at a time, and kept while it is away."""

import asyncio
import itertools
import json

import httpx2
import pytest
from fastapi import FastAPI

from app.core.config import Settings
from app.main import create_app
from app.server.capabilities.auth import keys as keys_module
from tests.capabilities.auth import URL, Issuer, connected, new_key

DISCOVERY = "/.well-known/openid-configuration"
AWAY = "The issuer's keys are not available now. Try again."


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(keys_module, "monotonic", clock)
    return clock


async def status(app: FastAPI, token: str) -> int:
    """204 for a valid token: there is no such route, but it is asked for."""
    async with connected(app, token) as client:
        response = await client.get("/nowhere")
    return 204 if response.status_code == 404 else response.status_code


async def settle() -> None:
    """Let a fetch in the background finish."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_keys_are_fetched_with_the_first_token_and_not_again(
    issuer: Issuer, app: FastAPI
) -> None:
    assert issuer.asked == []

    statuses = [await status(app, issuer.token(sub=str(number))) for number in range(5)]

    assert statuses == [204] * 5
    assert issuer.asked == [DISCOVERY, "/keys"]


async def test_a_hundred_first_requests_share_one_fetch(issuer: Issuer, app: FastAPI) -> None:
    tokens = [issuer.token(sub=str(number)) for number in range(100)]

    statuses = await asyncio.gather(*(status(app, token) for token in tokens))

    assert set(statuses) == {204}
    assert issuer.asked == [DISCOVERY, "/keys"]


async def test_a_client_that_disconnects_does_not_cancel_the_fetch_of_others(
    issuer: Issuer, app: FastAPI
) -> None:
    first, second = (asyncio.create_task(status(app, issuer.token())) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()

    assert await second == 204
    assert issuer.asked == [DISCOVERY, "/keys"]


async def test_a_new_key_is_taken_without_a_restart(issuer: Issuer, app: FastAPI) -> None:
    assert await status(app, issuer.token()) == 204
    old = issuer.token()

    issuer.key = new_key()
    issuer.keys.append(dict(issuer.key.as_dict(private=False)))

    assert await status(app, issuer.token()) == 204
    assert await status(app, old) == 204


async def test_ten_thousand_unknown_keys_are_looked_up_once_in_30_seconds(
    issuer: Issuer, app: FastAPI, clock: Clock
) -> None:
    assert await status(app, issuer.token()) == 204
    issuer.asked.clear()
    tokens = (issuer.token(header={"kid": str(number)}) for number in itertools.count())

    statuses = {await status(app, next(tokens)) for _ in range(1_000)}
    clock.now += 29.9
    statuses |= {await status(app, next(tokens)) for _ in range(100)}
    once = list(issuer.asked)
    clock.now += 0.2
    statuses |= {await status(app, next(tokens)) for _ in range(100)}

    assert statuses == {401}
    assert once == [DISCOVERY, "/keys"]
    assert issuer.asked == once * 2
    assert await status(app, issuer.token()) == 204


async def test_a_key_that_the_issuer_takes_back_ends_what_was_remembered(
    issuer: Issuer, app: FastAPI, clock: Clock
) -> None:
    token = issuer.token()
    assert await status(app, token) == 204

    issuer.keys = [dict(new_key().as_dict(private=False))]
    remembered = await status(app, token)
    clock.now += 301

    assert remembered == 204
    assert await status(app, token) == 401


async def test_a_key_that_is_replaced_under_its_name_ends_what_was_remembered(
    issuer: Issuer, app: FastAPI, clock: Clock
) -> None:
    token = issuer.token()
    assert await status(app, token) == 204

    issuer.keys = [dict(new_key(str(issuer.key.kid)).as_dict(private=False))]
    clock.now += 301

    assert await status(app, token) == 401


async def test_keys_are_renewed_in_the_background(
    issuer: Issuer, app: FastAPI, clock: Clock
) -> None:
    await status(app, issuer.token())
    clock.now += 151

    assert await status(app, issuer.token()) == 204
    await settle()

    assert issuer.asked == [DISCOVERY, "/keys"] * 2


async def test_keys_are_used_while_the_issuer_is_away_but_not_for_ever(
    issuer: Issuer, app: FastAPI, clock: Clock
) -> None:
    remembered = issuer.token()
    await status(app, remembered)
    issuer.go_away()

    statuses = []
    for seconds in (160, 200, 3_600, 10_000, 700):  # in all 14,660
        clock.now += seconds
        statuses.append((await status(app, issuer.token()), await status(app, remembered)))
    clock.now += 50
    ended = await status(app, issuer.token()), await status(app, remembered)
    issuer.come_back()
    clock.now += 2

    assert statuses == [(204, 204)] * 5
    assert ended == (503, 503)
    assert await status(app, remembered) == 204


async def test_an_unknown_key_is_a_503_while_the_issuer_is_away(
    issuer: Issuer, app: FastAPI, clock: Clock
) -> None:
    await status(app, issuer.token())
    issuer.go_away()
    clock.now += 40

    assert await status(app, issuer.token(header={"kid": "new"})) == 503
    assert await status(app, issuer.token()) == 204


async def test_tokens_are_a_503_until_keys_are_there(
    issuer: Issuer, app: FastAPI, clock: Clock
) -> None:
    issuer.go_away()

    async with connected(app, issuer.token()) as client:
        away = await client.get("/nowhere")
        probes = [await client.get(path) for path in ("/health/live", "/health/ready")]
        issuer.come_back()
        clock.now += 2
        back = await client.get("/nowhere")

    assert (away.status_code, away.json()["detail"]) == (503, AWAY)
    assert away.headers["Retry-After"] == "1"
    assert "WWW-Authenticate" not in away.headers
    assert [probe.status_code for probe in probes] == [200, 200]
    assert back.status_code == 404


async def test_an_issuer_that_is_away_is_asked_once_a_second(
    issuer: Issuer, app: FastAPI, clock: Clock
) -> None:
    issuer.go_away()

    for _ in range(50):
        await status(app, issuer.token())

    assert issuer.asked == [DISCOVERY]


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
        assert await status(app, issuer.token()) == 503


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

    answered = await status(app, issuer.token())

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    [told] = [line["reason"] for line in lines if "reason" in line]
    assert answered == 503
    assert reason in told
