from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI, Response
from httpx2 import AsyncClient

from app.core.conditional import IfMatch, IfNoneMatch, RequiredIfMatch, tagged
from app.core.database import Database, ReadSessionDep, SessionDep
from app.core.errors import problems
from app.core.writes import change, create
from tests.things import Counted

LARGE = ", ".join(f'"{number}"' for number in range(5, 10_000))


@pytest.fixture
async def url(app: FastAPI, database: Database, things: None) -> str:
    """A book of version 7."""

    @app.get("/counted-things/{key}", response_model=None)
    async def get_counted_thing(
        session: ReadSessionDep, key: UUID, response: Response, seen: IfNoneMatch = None
    ) -> dict[str, str]:
        return {"name": tagged(await session.get_one(Counted, key), response, seen).name}

    @app.patch("/counted-things/{key}", response_model=None)
    async def change_counted_thing(
        session: SessionDep, key: UUID, response: Response, seen: IfMatch = None
    ) -> dict[str, str] | None:
        thing = await change(session, Counted, key, {"name": "Persuasion"}, versions=seen)
        return {"name": tagged(thing, response).name} if thing else None

    @app.put("/counted-things/{key}", responses=problems(428))
    async def put_counted_thing(session: SessionDep, key: UUID, seen: RequiredIfMatch) -> None:
        await change(session, Counted, key, {"name": "Persuasion"}, versions=seen)

    async with database.session() as session:
        thing = await create(session, Counted, {"name": "Emma"})
        for number in range(6):
            await change(session, Counted, thing.id, {"data": {"number": number}})
    return f"/counted-things/{thing.id}"


def lines(name: str, *values: str) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode("latin-1")) for value in values]


async def test_an_answer_has_a_strong_etag(client: AsyncClient, url: str) -> None:
    found = await client.get(url)

    assert (found.status_code, found.headers["ETag"]) == (200, '"7"')
    assert found.headers["Cache-Control"] == "private, no-cache"


@pytest.mark.parametrize(
    "seen",
    [
        ['"7"'],
        ['W/"7"'],
        ["*"],
        [' "6" , "7" '],
        ['"x,y", , "7"'],
        ['"6"', 'W/"7"'],
        [LARGE],
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_client_that_has_this_version_gets_a_304_without_a_body(
    client: AsyncClient, url: str, method: str, seen: list[str]
) -> None:
    answer = await client.request(method, url, headers=lines("If-None-Match", *seen))

    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["ETag"] == '"7"'
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert "Content-Type" not in answer.headers


OTHERS = ['"6"', '"07"', '"7 "', '"\xe9"', '""', '"-7"', '"99999999999999999999"', '"2147483648"']


@pytest.mark.parametrize("seen", [*OTHERS, '"\u0663"'.encode().decode("latin-1")])
async def test_a_client_that_has_another_version_gets_this_one(
    client: AsyncClient, url: str, seen: str
) -> None:
    answer = await client.get(url, headers=lines("If-None-Match", seen))

    assert (answer.status_code, answer.json()) == (200, {"name": "Emma"})


@pytest.mark.parametrize("seen", [['"7"'], ["*"], ['"6", "7"'], ['"6"', '"7"'], [LARGE]])
async def test_a_change_of_this_version_is_made(
    client: AsyncClient, url: str, seen: list[str]
) -> None:
    changed = await client.patch(url, headers=lines("If-Match", *seen))

    assert (changed.status_code, changed.headers["ETag"]) == (200, '"8"')


@pytest.mark.parametrize("seen", [*OTHERS, 'W/"7"', 'W/"6", "8"'])
async def test_a_change_of_another_version_is_a_412(
    client: AsyncClient, url: str, seen: str
) -> None:
    headers = [*lines("If-Match", seen), *lines("X-Request-ID", "abcdefgh")]
    refused = await client.patch(url, headers=headers)

    assert refused.json() == {
        "type": "about:blank",
        "title": "Precondition Failed",
        "status": 412,
        "detail": "This has changed: its version is 7 now.",
        "request_id": "abcdefgh",
    }
    assert (await client.get(url)).headers["ETag"] == '"7"'


@pytest.mark.parametrize("seen", ["*", '"7"'])
async def test_a_change_of_what_is_not_there_is_no_412(
    client: AsyncClient, url: str, seen: str
) -> None:
    missing = await client.patch(f"/counted-things/{uuid4()}", headers={"If-Match": seen})

    assert (missing.status_code, missing.json()) == (200, None)


@pytest.mark.parametrize(
    "seen", ["7", '"7', "", ",", "W/7", '*, "7"', "\xe9", '"7" x', "x" * 1_000_000]
)
@pytest.mark.parametrize(("method", "name"), [("GET", "If-None-Match"), ("PATCH", "If-Match")])
async def test_what_is_no_entity_tag_is_refused(
    client: AsyncClient, url: str, method: str, name: str, seen: str
) -> None:
    refused = await client.request(method, url, headers=lines(name, seen))

    assert refused.status_code == 422
    assert refused.json()["errors"] == [
        {"pointer": f"/header/{name}", "detail": 'It must be * or entity tags such as "7"'}
    ]


async def test_a_route_may_demand_the_version(client: AsyncClient, url: str) -> None:
    refused = await client.put(url)

    assert refused.status_code == 428
    assert refused.json()["detail"] == "If-Match must have the ETag of what you change."
    assert (await client.put(url, headers={"If-Match": '"6"'})).status_code == 412
    assert (await client.put(url, headers={"If-Match": "*"})).status_code == 200
    assert (await client.put(url, headers={"If-Match": '"8"'})).status_code == 200


async def test_conditions_are_described(client: AsyncClient, url: str) -> None:
    document = (await client.get("/openapi.json")).json()
    operations = document["paths"]["/counted-things/{key}"]

    described = {
        method: {
            (each["name"], each["required"], each["schema"]["type"])
            for each in operation["parameters"]
            if each["in"] == "header"
        }
        for method, operation in operations.items()
    }
    conditional = {"304", "412", "428"}
    answered = {method: conditional & set(operations[method]["responses"]) for method in operations}
    assert described == {
        "get": {("If-None-Match", False, "string")},
        "patch": {("If-Match", False, "string")},
        "put": {("If-Match", True, "string")},
    }
    assert answered == {"get": {"304"}, "patch": {"412"}, "put": {"412", "428"}}
    assert "content" not in operations["get"]["responses"]["304"]
