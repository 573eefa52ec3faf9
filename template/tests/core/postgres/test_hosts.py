"""Several hosts in a URL: who is asked first, for how long, and who is left."""

import asyncio

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.core.config import Settings
from app.core.engine import open_engine
from app.core.postgres import hosts
from app.core.postgres.hosts import Hosts, each_host, each_target
from app.core.postgres.url import URL

NOT_MATCHED = asyncpg.TargetServerAttributeNotMatched


@pytest.mark.parametrize(
    ("url", "each"),
    [
        ("postgresql://u:p@h/a?sslmode=prefer", ["postgresql://u:p@h/a?sslmode=prefer"]),
        ("postgresql://u:p@h,[::1]:5/a", ["postgresql://u:p@h/a", "postgresql://u:p@[::1]:5/a"]),
        ("postgresql://h:1,h:2?user=u", ["postgresql://h:1?user=u", "postgresql://h:2?user=u"]),
        (
            "postgresql:///a?host=%2Frun,h&port=1,2&user=u",
            [
                "postgresql:///a?host=%2Frun&port=1&user=u",
                "postgresql:///a?host=h&port=2&user=u",
            ],
        ),
        (
            "postgresql:///a?host=g,h&port=1",
            ["postgresql:///a?host=g&port=1", "postgresql:///a?host=h&port=1"],
        ),
        ("postgresql:///a?host=g,h&port=1,2,3", ["postgresql:///a?host=g,h&port=1,2,3"]),
        ("postgresql:///a?host=%2Frun", ["postgresql:///a?host=%2Frun"]),
        ("postgresql:///a", ["postgresql:///a"]),
    ],
)
def test_a_url_is_one_for_each_of_its_hosts(url: str, each: list[str]) -> None:
    assert each_host(url) == each


def test_a_standby_is_preferred_to_any_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PGTARGETSESSIONATTRS", raising=False)

    targets = {
        url: each_target(url)
        for url in (
            "postgresql://g,h/a",
            "postgresql://g,h/a?target_session_attrs=primary",
            "postgresql://g,h/a?target_session_attrs=prefer-standby",
        )
    }

    assert list(targets.values()) == [[None], ["primary"], ["standby", "any"]]


class Server:
    """A connection to it."""


class Servers:
    """Stands in for `asyncpg.connect`: what each host answers, and who was asked."""

    def __init__(self, **answers: Exception | None) -> None:
        self.answers = answers
        self.asked: list[str] = []

    async def connect(self, dsn: str, *, target_session_attrs: str | None) -> Server:
        host = URL.sub(r"\g<hosts>", dsn)
        self.asked.append(f"{host} {target_session_attrs}")
        answer = self.answers[host]
        if isinstance(answer, NOT_MATCHED) and target_session_attrs == "any":
            answer = None
        if answer is not None:
            raise answer
        return Server()


@pytest.mark.parametrize("error", [TimeoutError(), ConnectionRefusedError(), NOT_MATCHED()])
async def test_the_next_host_is_asked_when_one_will_not_do(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    servers = Servers(g=error, h=None)
    monkeypatch.setattr(asyncpg, "connect", servers.connect)

    await Hosts().connect(dsn="postgresql://g,h?target_session_attrs=primary")

    assert servers.asked == ["g primary", "h primary"]


async def test_a_host_that_refuses_a_role_ends_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    servers = Servers(g=asyncpg.InvalidPasswordError(), h=None)
    monkeypatch.setattr(asyncpg, "connect", servers.connect)

    with pytest.raises(asyncpg.InvalidPasswordError):
        await Hosts().connect(dsn="postgresql://g,h")

    assert servers.asked == ["g None"]


async def test_a_host_that_hung_is_tried_last_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    servers = Servers(g=TimeoutError(), h=None)
    monkeypatch.setattr(asyncpg, "connect", servers.connect)
    place = Hosts()

    for seconds in (10, 10, 0):
        monkeypatch.setattr(hosts, "LAST_FOR_SECONDS", seconds)
        await place.connect(dsn="postgresql://g,h")

    assert servers.asked == ["g None", "h None", "h None", "g None", "h None"]


async def test_any_host_is_taken_where_there_is_no_standby(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is away is asked once."""
    servers = Servers(f=TimeoutError(), g=NOT_MATCHED(), h=NOT_MATCHED())
    monkeypatch.setattr(asyncpg, "connect", servers.connect)

    dsn = "postgresql://f,g,h?target_session_attrs=prefer-standby"
    await Hosts().connect(dsn=dsn)

    assert servers.asked == ["f standby", "g standby", "h standby", "g any"]


async def test_whoever_waits_for_a_host_that_is_left_is_told_at_once(settings: Settings) -> None:
    async with open_engine(settings, settings.postgres_url) as engine:
        hosts_of_the_url = Hosts(engine)
        async with asyncio.timeout(5), engine.connect() as connection:
            waiting = asyncio.create_task(connection.execute(text("SELECT pg_sleep(30)")))
            await asyncio.sleep(0)
            hosts_of_the_url.leave()
            with pytest.raises(DBAPIError) as error:
                await waiting

    assert error.value.connection_invalidated
