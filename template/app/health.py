"""Health probes: `/health/live` says that the process runs, `/health/ready` that it can serve."""

import asyncio

from fastapi import APIRouter, Request, Response
from sqlalchemy.exc import SQLAlchemyError

from app.core.checks import code_revisions, database_revision
from app.core.database import Database
from app.core.errors import problem_response
from app.core.logger import logger
from app.core.openapi import problems

router = APIRouter(prefix="/health")

NO_ANSWER = "The database does not answer."


class Readiness:
    """Whether the database answers and its schema is the code's. Probes at once share one query."""

    def __init__(self, *, timeout_seconds: float) -> None:
        self.timeout_seconds = timeout_seconds
        self.running: asyncio.Task[str | None] | None = None

    async def check(self, database: Database) -> str | None:
        """What is wrong, as a sentence; None if nothing is. Takes `timeout_seconds` at the most."""
        if self.running is None or self.running.done():
            self.running = asyncio.create_task(self._check(database))
        try:
            # A client that hangs up cancels its own wait, and not the others' query. On a network
            # that has died the query needs two seconds more to give up its connection.
            return await asyncio.wait_for(asyncio.shield(self.running), self.timeout_seconds)
        except TimeoutError:
            return NO_ANSWER

    async def _check(self, database: Database) -> str | None:
        pool = database.engine.pool.status()
        try:
            async with asyncio.timeout(self.timeout_seconds):
                revision = await database_revision(database.probe_engine)
        except (SQLAlchemyError, OSError) as error:
            logger.warning(NO_ANSWER, reason=repr(error), pool=pool)
            return NO_ANSWER
        logger.debug("The database answers.", revision=revision, pool=pool)
        code = code_revisions()
        if code.head in (None, revision):
            return None
        if revision is not None and revision not in code.known:
            logger.info("The schema is newer than this code.", revision=revision, wanted=code.head)
            return None
        return f"The schema is at {revision or 'no revision'}, the code wants {code.head}."


@router.get("/live")
async def live() -> dict[str, str]:
    """The process runs. Touches nothing else: a restart would not bring a database back."""
    return {"status": "ok"}


@router.get("/ready", response_model=None, responses=problems(503))
async def ready(request: Request) -> dict[str, str] | Response:
    """The database answers in time, its schema is there, and the process is not about to stop."""
    state = request.app.state
    if state.draining:
        return problem_response(503, "The service is shutting down.")
    if problem := await state.readiness.check(state.database):
        return problem_response(503, problem)
    return {"status": "ok"}
