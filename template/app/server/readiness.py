"""Whether the service can serve: the database answers, and its schema fits the code."""

import asyncio

from sqlalchemy.exc import SQLAlchemyError

from app.core.database import Database
from app.core.engine import LostConnectionError
from app.core.logger import logger
from app.core.postgres.revisions import NotReadyError, code_revisions, database_revision

NO_ANSWER = "The database does not answer."


class Readiness:
    """Checks the database within `timeout_seconds`. Simultaneous probes share one query."""

    def __init__(self, *, timeout_seconds: float) -> None:
        self.timeout_seconds = timeout_seconds
        self.running: asyncio.Task[str | None] | None = None

    async def check(self, database: Database) -> str | None:
        """The reason why the service is not ready, as a sentence; None if it is ready."""
        if self.running is None or self.running.done():
            self.running = asyncio.create_task(self._check(database))
        try:
            # Shielded: a client that disconnects must not cancel the query of the other probes.
            # On a dead network the query takes two more seconds to give up its connection.
            return await asyncio.wait_for(asyncio.shield(self.running), self.timeout_seconds)
        except TimeoutError:
            return NO_ANSWER

    async def _check(self, database: Database) -> str | None:
        if (replica := database.replica) and replica.required and replica.problem:
            return f"The replica is not used. {replica.problem}"
        pool = database.engine.pool.status()
        try:
            async with asyncio.timeout(self.timeout_seconds):
                revision = await database_revision(database.probe_engine)
        except NotReadyError as error:
            logger.warning("The service is not ready.", reason=str(error), pool=pool)
            return str(error)
        except (SQLAlchemyError, TimeoutError) as error:
            told = f"{error} " if isinstance(error, LostConnectionError) else ""
            logger.warning(NO_ANSWER, reason=f"{told}{(error.__cause__ or error)!r}", pool=pool)
            return NO_ANSWER
        logger.debug("The database answers.", revision=revision, pool=pool)
        code = code_revisions()
        if code.head in (None, revision):
            return None
        if revision is not None and revision not in code.known:
            logger.info("The schema is newer than this code.", revision=revision, wanted=code.head)
            return None
        return f"The schema is at {revision or 'no revision'}, the code wants {code.head}."
