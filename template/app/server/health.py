"""Health probes: `/health/live` for restarts, `/health/ready` for the load balancer."""

from fastapi import APIRouter, Request, Response

from app.core.errors import problem_response, problems
from app.server.state import ServiceState

router = APIRouter(prefix="/health")


@router.get("/live")
async def live() -> dict[str, str]:
    """The process runs. Checks nothing else: a restart would not bring a database back."""
    return {"status": "ok"}


@router.get("/ready", response_model=None, responses=problems(503))
async def ready(request: Request) -> dict[str, str] | Response:
    """The database answers in time, its schema fits the code, and the process is not stopping."""
    state: ServiceState = request.app.state
    if state.draining:
        return problem_response(503, "The service is shutting down.")
    if problem := await state.readiness.check(state.database):
        return problem_response(503, problem)
    return {"status": "ok"}
