"""An OpenID Connect provider that rotates its keys and goes away, under load."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import httpx2
import pytest

from tests.faults.fuzzing import fuzz
from tests.faults.issuers import Issuer, forged, issuing, new_key
from tests.faults.postgres import FaultyPostgres, faulty_postgres
from tests.faults.production import Production, Service
from tests.support.figures import figure
from tests.support.serving import sql

pytestmark = [pytest.mark.slow, pytest.mark.system]

AUDIENCE = "https://api.example"
LIMIT_SECONDS = 2
KEYS_SECONDS = 10
OPAQUE_SECONDS = 2


@pytest.fixture(scope="module")
def guarded(install: Callable[..., Path]) -> Production:
    """A service with auth. Its issuer has no TLS, which it takes in `test` alone."""
    return Production(install("--no-dev", auth="oidc"), where="test")


@pytest.fixture(scope="module")
def server(guarded: Production) -> Iterator[FaultyPostgres]:
    with faulty_postgres() as server:
        sql(server.url(), "CREATE DATABASE service")
        guarded.run("alembic", "upgrade", "head", POSTGRES_URL=server.url("service"))
        yield server


@pytest.fixture
def issuer(tmp_path: Path) -> Iterator[Issuer]:
    with issuing(tmp_path) as issuer:
        yield issuer


@pytest.fixture
def service(
    guarded: Production, server: FaultyPostgres, issuer: Issuer, tmp_path: Path
) -> Iterator[Service]:
    settings: dict[str, object] = {
        "oidc_issuer": issuer.url,
        "oidc_audience": AUDIENCE,
        "oidc_client_id": "service",
        "oidc_client_secret": "secret",
        "oidc_timeout_seconds": LIMIT_SECONDS,
        "oidc_keys_seconds": KEYS_SECONDS,
        "oidc_introspection_seconds": OPAQUE_SECONDS,
    }
    url = server.url("service")
    with guarded.serve(url, tmp_path, settings, app="app.main:app") as service:
        yield service


@dataclass
class Load:
    """Requests with each kind of token, and what they were answered."""

    service: Service
    tokens: dict[str, Callable[[], str]]
    statuses: dict[str, Counter[int]] = field(default_factory=dict)
    stopped: bool = False

    async def ask(self, kind: str) -> None:
        counted = self.statuses.setdefault(kind, Counter())
        async with httpx2.AsyncClient(trust_env=False, timeout=30) as client:
            while not self.stopped:
                headers = {"Authorization": f"Bearer {self.tokens[kind]()}"}
                response = await client.get(f"{self.service.served.url}/items", headers=headers)
                counted[response.status_code] += 1
                await asyncio.sleep(0.01)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        self.stopped = False
        asking = [asyncio.create_task(self.ask(kind)) for kind in self.tokens for _ in range(2)]
        yield
        self.stopped = True
        await asyncio.gather(*asking)

    @property
    def slowest(self) -> float:
        """In seconds, by the service's own clock."""
        lines = [line for line in self.service.log if line["event"] == "request"]
        return max(float(line["duration_ms"]) for line in lines) / 1000

    def of(self, kind: str) -> dict[int, int]:
        return dict(self.statuses[kind])


def test_signed_and_opaque_tokens_of_a_real_issuer_are_taken(
    service: Service, issuer: Issuer
) -> None:
    signed, opaque = issuer.token("signed"), issuer.token("opaque")

    def status(token: str) -> int:
        headers = {"Authorization": f"Bearer {token}"}
        return service.served.get("/items", headers=headers).status_code

    assert "." not in opaque
    assert [status(token) for token in (signed, opaque, signed, opaque)] == [200] * 4
    assert [status(token) for token in (forged(signed), f"{opaque}x", "x")] == [401] * 3
    issuer.revoke(opaque)
    time.sleep(OPAQUE_SECONDS)  # for so long its meaning is known
    assert status(opaque) == 401
    subjects = {line.get("subject") for line in service.log if line["event"] == "request"}
    assert subjects >= {"signed", "opaque"}
    assert signed not in service.served.said
    assert opaque not in service.served.said


def test_keys_that_are_rotated_under_load_refuse_no_token_that_they_sign(
    service: Service, issuer: Issuer, full: bool
) -> None:
    rotations = 5 if full else 1
    load, refused_after = asyncio.run(rotate(service, issuer, rotations=rotations))

    figure(
        "rotations of the issuer's keys",
        rotations=rotations,
        valid=str(load.of("valid")),
        forged=str(load.of("forged")),
        of_unknown_keys=str(load.of("of an unknown key")),
        slowest_seconds=load.slowest,
        a_key_that_is_gone_works_for_seconds=max(refused_after),
    )
    assert set(load.of("valid")) == {200}
    assert set(load.of("forged")) == {401}
    assert set(load.of("of an unknown key")) <= {401, 503}
    assert max(refused_after) < KEYS_SECONDS + LIMIT_SECONDS
    assert load.slowest < LIMIT_SECONDS + 1


async def rotate(service: Service, issuer: Issuer, *, rotations: int) -> tuple[Load, list[float]]:
    """The load meanwhile, and after how many seconds each key that was gone let nobody in."""
    current = await asyncio.to_thread(issuer.token, "signed")
    tokens = {
        "valid": lambda: current,
        "forged": lambda: forged(current),
        "of an unknown key": lambda: forged(current, kid=uuid4().hex),
    }
    load, refused_after = Load(service, tokens), []
    headers = {"Authorization": f"Bearer {current}"}
    first = await asyncio.to_thread(service.served.get, "/items", headers=headers)
    assert first.status_code == 200  # from here on the service knows a key
    async with load.running():
        for _ in range(rotations):
            old_key, old_token = issuer.keys[0], current
            key = await asyncio.to_thread(new_key)
            await asyncio.to_thread(issuer.restart, old_key, key)  # published, not used yet
            await asyncio.sleep(KEYS_SECONDS)
            await asyncio.to_thread(issuer.restart, key, old_key)
            current = await asyncio.to_thread(issuer.token, "signed")
            await asyncio.to_thread(issuer.restart, key)
            refused_after.append(await seconds_until_refused(service, old_token))

    return load, refused_after


# A method that is not there is a 401 without a token, and a header that is always sent never lacks.
CHECKS = "--exclude-checks=unsupported_method,missing_required_header"
GUARDED = """
from app.core.auth import requires
from app.core.config import settings
from app.main import create_app

app = create_app(settings)


@app.post("/guarded", dependencies=[requires("items:admin")])
async def guard(data: dict[str, str]) -> None: ...
"""
# What is closed is no answer to what was sent.
CLOSED = """
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "3xx", "401", "403", "404", "409", "412", "422"]
[checks.negative_data_rejection]
expected-statuses = ["4xx"]
"""


def test_requests_made_from_the_description_find_nothing_open(
    guarded: Production, server: FaultyPostgres, issuer: Issuer, tmp_path: Path, full: bool
) -> None:
    (guarded.folder / "guarded.py").write_text(GUARDED)
    settings: dict[str, object] = {"oidc_issuer": issuer.url, "oidc_audience": AUDIENCE}
    token, weaker = issuer.token("signed"), issuer.token("signed", scope="items:read")
    statuses = {}

    for who, headers in (
        ("nobody", ""),
        ("a caller", f'headers = {{ Authorization = "Bearer {token}" }}\n'),
        ("a weaker caller", f'headers = {{ Authorization = "Bearer {weaker}" }}\n'),
        ("an intruder", f'headers = {{ Authorization = "Bearer {forged(token)}" }}\n'),
    ):
        url = server.url("service")
        with guarded.serve(url, tmp_path, settings, app="guarded:app") as service:
            examples = 100 if full else 10
            fuzz(service.served.url, tmp_path, headers + CLOSED, CHECKS, examples=examples, seed=1)
            lines = [line for line in service.log if line["event"] == "request"]
        statuses[who] = {
            route: sorted({line["status"] for line in lines if line["route"] == route})
            for route in {line["route"] for line in lines}
        }
    everything = {
        status for routes in statuses.values() for each in routes.values() for status in each
    }
    assert max(everything) < 500
    for who in ("nobody", "an intruder"):
        assert {s for each in statuses[who].values() for s in each} <= {200, 401}
    for who in ("a caller", "a weaker caller"):  # neither may this; a body is read first
        assert 403 in statuses[who]["/guarded"]
        assert min(statuses[who]["/guarded"]) >= 400


async def seconds_until_refused(service: Service, token: str) -> float:
    began = time.monotonic()
    headers = {"Authorization": f"Bearer {token}"}
    while time.monotonic() < began + 60:
        response = await asyncio.to_thread(service.served.get, "/items", headers=headers)
        if response.status_code == 401:
            return time.monotonic() - began
        await asyncio.sleep(0.1)
    raise AssertionError("A token of a key that is gone is taken for a minute.")


def test_an_outage_of_the_issuer_refuses_no_token_whose_key_is_known(
    service: Service, issuer: Issuer, full: bool
) -> None:
    seconds = 60 if full else 8
    before, during, after = asyncio.run(outage(service, issuer, seconds=seconds))

    figure(
        "an outage of the issuer",
        seconds=seconds,
        signed=str(during.of("signed")),
        forged=str(during.of("forged")),
        of_unknown_keys=str(during.of("of an unknown key")),
        opaque=str(during.of("opaque")),
        slowest_seconds=during.slowest,
        signed_afterwards=str(after.of("signed")),
        opaque_afterwards=str(after.of("opaque")),
    )
    assert set(before.of("signed")) == set(before.of("opaque")) == {200}
    assert set(during.of("signed")) == {200}
    assert set(during.of("forged")) == {401}
    assert set(during.of("of an unknown key")) <= {401, 503}
    assert set(during.of("opaque")) == set(during.of("unknown and opaque")) == {503}
    assert during.slowest < LIMIT_SECONDS + 1
    assert set(after.of("signed")) == set(after.of("opaque")) == {200}
    assert set(after.of("unknown and opaque")) == {401}


async def outage(service: Service, issuer: Issuer, *, seconds: float) -> tuple[Load, Load, Load]:
    """The load before, during and after it."""
    signed, opaque = issuer.token("signed"), issuer.token("opaque")
    tokens = {
        "signed": lambda: signed,
        "forged": lambda: forged(signed),
        "of an unknown key": lambda: forged(signed, kid=uuid4().hex),
        "opaque": lambda: opaque,
        "unknown and opaque": lambda: uuid4().hex,
    }
    before, during, after = (Load(service, tokens) for _ in range(3))
    async with before.running():
        await asyncio.sleep(1)
    issuer.freeze()
    await asyncio.sleep(OPAQUE_SECONDS)
    async with during.running():
        await asyncio.sleep(seconds)
    issuer.thaw()
    await asyncio.sleep(LIMIT_SECONDS + 1)
    async with after.running():
        await asyncio.sleep(1)

    return before, during, after
