"""Jobs for the tests of jobs, which must not need the example."""

import asyncio

from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.jobs import enqueue, job
from tests.things import Thing

STARTED = asyncio.Event()
LIT: set[str] = set()
SEEN: list[set[str]] = []


class BrokenLampError(Exception):
    pass


async def light(session: AsyncSession, *, name: str, size: int = 1) -> None:
    session.add(Thing(name=name, size=size))
    await session.flush()


@job(attempts=2)
async def break_one(session: AsyncSession, *, name: str) -> None:
    await light(session, name=name)
    raise BrokenLampError(f"The lamp {name} is broken: \0 \ud800 password=hunter2-of-lamps")


@job(timeout_seconds=0.05)
async def light_too_long(session: AsyncSession, *, name: str) -> None:
    await light(session, name=name)
    await asyncio.Event().wait()


async def light_for_ever(session: AsyncSession, *, name: str) -> None:
    await light(session, name=name)
    STARTED.set()
    await asyncio.Event().wait()


async def light_a_while(session: AsyncSession, *, name: str) -> None:
    """Notes which ones are lit together with it."""
    LIT.add(name)
    SEEN.append(set(LIT))
    await asyncio.sleep(0.05)
    LIT.remove(name)


@job(version=3, name="dim")
async def dim_slowly(session: AsyncSession, *, name: str, to: int = 50) -> None:
    await light(session, name=name, size=to)


async def light_the_next(session: AsyncSession, *, names: list[str]) -> None:
    await light(session, name=names[0])
    if names[1:]:
        await enqueue(session, light_the_next, names=names[1:])


async def unlock(session: AsyncSession, *, password: SecretStr) -> None:
    raise AssertionError("Nobody can enqueue this.")


@job(cron="*/5 * * * *")
async def count_lamps(session: AsyncSession) -> None:
    await light(session, name="counted")


async def _not_a_job(session: AsyncSession) -> None: ...
