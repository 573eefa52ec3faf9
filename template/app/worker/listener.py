"""Wakes the worker when a job is enqueued: without it, jobs wait for the next poll."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

import asyncpg
from pydantic import SecretStr

from app.core.config import Settings
from app.core.engine import CANNOT_CONNECT, connect_arguments
from app.core.jobs.queries import CHANNEL
from app.core.jobs.settings import JobSettings
from app.core.logger import logger

INSERT = '"operation" : "insert"'
SECONDS_BETWEEN_ATTEMPTS = 5


def url_to_listen(settings: Settings, job_settings: JobSettings) -> SecretStr | None:
    """Past a pooler that gives a connection away after each transaction, or None."""
    pooled = settings.postgres_pooler == "transaction"
    url = settings.postgres_migration_url if pooled else settings.postgres_url
    return job_settings.jobs_listen_url or url


async def listen(settings: Settings, url: SecretStr | None, wake: Callable[[], None]) -> None:
    """Call `wake` when somebody has enqueued a job, until cancelled."""
    while url is not None:
        try:
            await _listen(connect_arguments(settings, url), wake)
        except (*CANNOT_CONNECT, TimeoutError) as error:
            logger.info("The worker cannot listen: it polls.", reason=repr(error))
        await asyncio.sleep(SECONDS_BETWEEN_ATTEMPTS)
    logger.info("The worker does not listen: it polls.")


def _wake_on_insert(wake: Callable[[], None], *told: object) -> None:
    if INSERT in str(told[-1]):
        wake()


async def _listen(arguments: dict[str, Any], wake: Callable[[], None]) -> None:
    """Until the connection is lost."""
    del arguments["async_creator_fn"]
    lost = asyncio.Event()
    connection = await asyncpg.connect(**arguments)
    try:
        connection.add_termination_listener(lambda _: lost.set())
        await connection.add_listener(CHANNEL, partial(_wake_on_insert, wake))
        wake()  # for what was enqueued meanwhile
        await lost.wait()
    finally:
        connection.terminate()
