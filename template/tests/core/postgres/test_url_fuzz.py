"""A thousand malformed URLs: no error quotes one."""

import asyncio
import random
from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from app.core.config import Settings
from app.core.engine import LostConnectionError, connect_arguments
from app.core.postgres.url import normalize

MARK = "hunter2"
ODD = (
    *("@", ":", "/", "?", "#", "[", "]", "%", "%zz", "%00", "%ff", "%40", "&", "=", ",", " "),
    *("\0", "\n", "'", '"', "\\", "\u2100", "\udc80", "é", "1", "host=", "sslmode=", "::1"),
)


def malformed_urls(count: int) -> Iterator[str]:
    """The same ones in each run: odd characters in the password, and some anywhere."""
    chance = random.Random(7)  # noqa: S311  # no secret

    def some(most: int) -> str:
        return "".join(chance.choices(ODD, k=chance.randint(0, most)))

    for _ in range(count):
        url = f"postgresql://user:{some(3)}{MARK}{some(3)}@host:5432/app?sslmode=prefer"
        for _ in range(chance.randint(0, 2)):
            place = chance.randrange(len(url))
            inside = url.index(MARK) <= place < url.index(MARK) + len(MARK)
            url = url if inside else url[:place] + some(1) + url[place + chance.randint(0, 1) :]
        yield url


def told(error: BaseException | None) -> str:
    """What a traceback tells of an error and its causes."""
    if error is None:
        return ""
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return f"{error} {error!r} {told(cause)}"


async def test_no_error_quotes_a_malformed_url(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object, **__: object) -> None:
        raise ConnectionRefusedError("Nobody is there.")

    async def use(url: str) -> None:
        arguments = connect_arguments(settings, SecretStr(normalize(url)))
        await arguments.pop("async_creator_fn")(**arguments)

    loop = asyncio.get_running_loop()
    monkeypatch.setattr(loop, "create_connection", refuse)
    monkeypatch.setattr(loop, "create_unix_connection", refuse)
    causes, quoted = set(), []

    for url in malformed_urls(1000):
        with pytest.raises((ValueError, LostConnectionError)) as error:
            await use(url)
        causes.add(type(error.value))
        if MARK in told(error.value):
            quoted.append(url)

    assert quoted == []
    assert causes == {ValueError, LostConnectionError}
