"""The issuer's keys: fetched when needed, at most once at a time, and kept while it is away."""

import asyncio
import itertools

import pytest
from fastapi import FastAPI
from opentelemetry.metrics import CallbackOptions

from app.core.auth import UnauthenticatedError
from app.server.capabilities.auth import keys as keys_module
from tests.capabilities.auth import Issuer, connected, new_key

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


async def status(app: FastAPI, token: str, path: str = "/nowhere") -> int:
    """204 for a valid token: there is no such route, but it is asked for."""
    async with connected(app, token) as client:
        response = await client.get(path)
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
    numbers = itertools.count()
    find = app.state.verifier.keys.find

    async def refused(number: int) -> str:
        with pytest.raises(UnauthenticatedError) as error:
            await find(f"{number}")
        return error.value.detail

    told = {await refused(next(numbers)) for _ in range(9_000)}
    clock.now += 29.9
    told |= {await refused(next(numbers)) for _ in range(900)}
    once = list(issuer.asked)
    clock.now += 0.2
    told |= set(await asyncio.gather(*(refused(next(numbers)) for _ in range(100))))

    assert told == {"The token's key is none of the issuer's."}
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


async def test_a_fetch_blocks_nobody_and_holds_no_connection(
    issuer: Issuer, committing_app: FastAPI
) -> None:
    fetching, answered = asyncio.Event(), asyncio.Event()
    provider = committing_app.state.verifier.provider
    fetch = provider.keys

    async def fetch_late() -> object:
        fetching.set()
        await answered.wait()
        return await fetch()

    provider.keys = fetch_late
    waiting = asyncio.create_task(status(committing_app, issuer.token(), "/items"))
    await fetching.wait()
    held = committing_app.state.database.engine.pool.checkedout()
    alive = await status(committing_app, "", "/health/live")
    answered.set()

    assert (held, alive, await waiting) == (0, 200, 200)


async def test_while_the_issuer_is_away_it_is_told_when_its_keys_expire(
    issuer: Issuer, app: FastAPI, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys_module, "time", lambda: clock.now + 7)  # Unix time
    keys = app.state.verifier.keys

    def told() -> list[float | int]:
        return [each.value for each in keys.expiry(CallbackOptions())]

    assert told() == []
    await status(app, issuer.token())
    assert told() == []
    fetched = clock.now
    clock.now += keys.longest
    issuer.go_away()
    await status(app, issuer.token())
    await settle()
    assert told() == [fetched + keys.stale + 7]
    issuer.come_back()
    clock.now += 2
    await status(app, issuer.token())
    await settle()
    assert told() == []
