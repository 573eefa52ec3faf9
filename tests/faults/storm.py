# mypy: ignore-errors
"""Uses of a pool that are cancelled, time out, or lose their connection: `python storm.py USES`.

It runs in the service's environment, not in this repository's. Prints what became of the uses.
"""

import asyncio
import json
import random
import sys
import time
from collections import Counter

from app.core.config import settings
from app.core.engine import LostConnectionError, open_engine
from sqlalchemy import event, text
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine

AT_ONCE = 60
LIMIT = settings.postgres_pool_size + settings.postgres_pool_max_overflow
SECONDS_OF_A_WAVE = 30  # much less than a pool that does not time out waits for a turn


def refuse_sometimes(*_: object) -> None:
    if random.random() < 0.2:
        raise LostConnectionError("Postgres cannot be reached.")


async def use(engine: AsyncEngine) -> str:
    """As a request would, for a while that differs; some lose or keep their connection."""
    fate = random.random()
    async with engine.connect() as connection:
        await connection.execute(text(f"SELECT pg_sleep({random.choice((0, 0, 0.002))})"))
        if fate < 0.1:
            await connection.invalidate()
        elif fate < 0.15:
            (await connection.get_raw_connection()).detach()  # closed in the end, not returned
    return "served"


async def outcome(engine: AsyncEngine) -> str:
    began = time.monotonic()
    try:
        async with asyncio.timeout(random.choice((LIMIT, random.uniform(0, 0.03)))):
            return await use(engine)
    except PoolTimeoutError:
        waited = time.monotonic() - began
        return "timed out" if waited >= settings.postgres_pool_timeout_seconds else "gave up early"
    except LostConnectionError:
        return "not connected"
    except TimeoutError:
        return "cancelled"


async def storm(uses: int) -> Counter[str]:
    outcomes: Counter[str] = Counter()
    async with open_engine(settings, settings.postgres_url) as engine:
        event.listen(engine.sync_engine, "do_connect", refuse_sometimes)
        for _ in range(0, uses, AT_ONCE):
            async with asyncio.timeout(SECONDS_OF_A_WAVE):
                outcomes.update(await asyncio.gather(*(outcome(engine) for _ in range(AT_ONCE))))
            assert (engine.pool.turns.locked(), engine.pool.checkedout()) == (False, 0)
        event.remove(engine.sync_engine, "do_connect", refuse_sometimes)
        await check_that_all_are_there(engine)
    return outcomes


async def check_that_all_are_there(engine: AsyncEngine) -> None:
    """Each connection can be had, and no other is open."""
    held = [await engine.connect() for _ in range(LIMIT)]
    assert engine.pool.turns.locked()
    others = "backend_type = 'client backend' AND datname = current_database()"
    counted = await held[0].scalar(text(f"SELECT count(*) FROM pg_stat_activity WHERE {others}"))
    assert counted == LIMIT, f"{counted} connections are open."
    for connection in held:
        await connection.close()


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(storm(int(sys.argv[1])))))
