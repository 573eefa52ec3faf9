"""What an error of the service looks like to a client: RFC 9457 problem details."""

from fastapi import FastAPI
from httpx2 import AsyncClient

from app.core.errors import ConflictError

ID = {"X-Request-ID": "test-request-1"}


async def test_an_app_error_is_a_problem(app: FastAPI, client: AsyncClient) -> None:
    @app.get("/things")
    async def refuse() -> None:
        raise ConflictError("The lamp is lit.")

    response = await client.get("/things", headers=ID)

    assert response.status_code == 409
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.json() == {
        "type": "about:blank",
        "title": "Conflict",
        "status": 409,
        "detail": "The lamp is lit.",
        "request_id": "test-request-1",
    }
