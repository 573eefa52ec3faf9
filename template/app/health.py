"""Health probes: `/health/live` says that the process runs, `/health/ready` that it can serve."""

import asyncio

from fastapi import APIRouter, Request, Response
from sqlalchemy.exc import SQLAlchemyError

from app.core.errors import problem_response
from app.core.logger import logger
from app.core.openapi import problems

router = APIRouter(prefix="/health")


@router.get("/live")
async def live() -> dict[str, str]:
    """The process runs. Touches nothing else: a restart would not bring a database back."""
    return {"status": "ok"}


@router.get("/ready", response_model=None, responses=problems(503))
async def ready(request: Request) -> dict[str, str] | Response:
    """The database answers, in time, and the process is not about to stop."""
    state = request.app.state
    if state.draining:
        return problem_response(503, "The service is shutting down.")
    try:
        async with asyncio.timeout(state.settings.ready_timeout_seconds):
            await state.database.ping()
    except (SQLAlchemyError, OSError) as error:
        logger.warning("Not ready: the database does not answer.", exc_info=error)
        return problem_response(503, "The database does not answer.")
    return {"status": "ok"}
