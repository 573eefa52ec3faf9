"""How a token is sent: in the one `Authorization` header, and nowhere else."""

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient

from app.core.auth import CallerDep
from tests.capabilities.auth import Issuer


@pytest.fixture
async def sent(issuer: Issuer, app: FastAPI) -> bytes:
    """A token that is valid, for a route that is there."""

    @app.get("/things")
    @app.post("/things")
    async def get_things(caller: CallerDep) -> str:
        return caller.subject

    return issuer.token().encode()


MALFORMED: dict[str, list[bytes]] = {
    "two headers": [b"Bearer {token}", b"Bearer {token}"],
    "a second header of another scheme": [b"Bearer {token}", b"Basic YTpi"],
    "two tokens": [b"Bearer {token}, Bearer {token}"],
    "a tab": [b"Bearer\t{token}"],
    "a space inside": [b"Bearer {token} x"],
    "no space": [b"Bearer{token}"],
    "no token": [b"Bearer "],
    "not ASCII": [b"Bearer \xff\xfe{token}"],
    "NUL": [b"Bearer {token}\x00"],
    "quotes": [b'Bearer "{token}"'],
}


@pytest.mark.parametrize("name", MALFORMED)
async def test_a_header_that_is_malformed_is_refused(
    sent: bytes, client: AsyncClient, name: str
) -> None:
    values = [value.replace(b"{token}", sent) for value in MALFORMED[name]]

    response = await client.get("/things", headers=[(b"Authorization", value) for value in values])

    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("scheme", ["", "Basic YTpi", "Digest x", "DPoP {token}", "{token}"])
async def test_another_scheme_is_no_token(sent: bytes, client: AsyncClient, scheme: str) -> None:
    value = scheme.replace("{token}", sent.decode())

    response = await client.get("/things", headers={"Authorization": value})

    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"


async def test_a_token_in_a_query_a_body_or_a_cookie_is_no_token(
    sent: bytes, anonymous_client: AsyncClient
) -> None:
    token = sent.decode()

    answers = [
        await anonymous_client.get("/things", params={"access_token": token}),
        await anonymous_client.post("/things", data={"access_token": token}),
        await anonymous_client.get("/things", headers={"Cookie": f"access_token={token}"}),
        await anonymous_client.get("/things", headers={"X-Authorization": f"Bearer {token}"}),
    ]

    told = [(answer.status_code, answer.headers["WWW-Authenticate"]) for answer in answers]
    assert told == [(401, "Bearer")] * 4
