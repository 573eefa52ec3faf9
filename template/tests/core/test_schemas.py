"""What a request may contain, and how the OpenAPI document says so."""

import uuid
from decimal import Decimal
from enum import StrEnum
from typing import Any

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient
from pydantic import Field, TypeAdapter, ValidationError

from app.core.database import SessionDep
from app.core.schemas import MAX_NUMBER, JsonObject, Line, Name, RequestModel, Text, omittable
from tests.things import Thing


class ThingCreate(RequestModel):
    name: Name
    data: JsonObject = Field(default={})
    note: Text = ""


def nested(levels: int) -> dict[str, Any]:
    """An object in an object in an object, so many levels."""
    value: dict[str, Any] = {}
    for _ in range(levels - 1):
        value = {"in": value}
    return value


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("  red lamp ", "red lamp"),
        ("\u3000lamp\u00a0", "lamp"),
        ("cafe\u0301", "caf\u00e9"),
        ("\U0001f469\u200d\U0001f680", "\U0001f469\u200d\U0001f680"),
        ("x" * 100, "x" * 100),
    ],
)
def test_a_name_is_stripped_and_in_normal_form(given: str, kept: str) -> None:
    assert TypeAdapter(Name).validate_python(given) == kept


@pytest.mark.parametrize(
    "name",
    [
        *("", "  ", "\u200d", "x" * 101, "la\0mp", "lamp\n", "\x1b[31m", "\x85", "\u200b"),
        *("\u202elamp", "\ufeff", "\u2028", "\ud800"),
    ],
)
def test_a_name_that_is_blank_or_has_control_characters_is_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Name).validate_python(name)


@pytest.mark.parametrize(
    ("line", "length"), [("x" * 100, 100), (" " + "x" * 101, 101), ("x" * 999, 999)]
)
def test_a_line_is_a_name_of_any_length(line: str, length: int) -> None:
    assert len(TypeAdapter(Line).validate_python(line)) == length
    with pytest.raises(ValidationError):
        TypeAdapter(Line).validate_python(f"{line}\n")


@pytest.mark.parametrize("text", ["la\0mp", "\ud800", "lamp\udfff"])
def test_text_that_postgres_cannot_hold_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Text).validate_python(text)


JSON = [
    {"a": "\0"},
    {"a": ["\ud800"]},
    {"\udfff": 1},
    {"a": {"\0": 1}},
    {"a": 1e308},
    {"a": -(2**53)},
    {"a": float("nan")},
    {"a": [float("inf")]},
    nested(33),
]


@pytest.mark.parametrize("value", JSON, ids=range(len(JSON)))
def test_json_that_postgres_refuses_or_changes_is_refused(value: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(JsonObject).validate_python(value)


async def test_json_comes_back_as_it_was_sent(
    app: FastAPI, client: AsyncClient, things: None
) -> None:
    @app.post("/things")
    async def create(session: SessionDep, given: ThingCreate) -> dict[str, Any]:
        session.add(thing := Thing(name=given.name, data=given.data))
        await session.flush()
        await session.refresh(thing)
        return thing.data

    numbers = [MAX_NUMBER, -MAX_NUMBER, 0.1, 5e-324, 7.5, 0, True, None]
    sent = {"numbers": numbers, "text": "\U0001f680\n", "deep": nested(31)}
    answer = await client.post("/things", json={"name": "lamp", "data": sent})

    assert answer.json() == sent


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (r'{"name": "lamp", "colour": "red"}', "/body/colour"),
        (r'{"name": "la\ud800mp"}', "/body/name"),
        (r'{"name": " "}', "/body/name"),
        (r'{"name": "lamp", "data": {"\ud800": 1}}', "/body/data"),
        (r'{"name": "lamp", "data": {"a": NaN}}', "/body/data"),
        (r'{"name": "lamp", "note": "\u0000"}', "/body/note"),
        (r'{"name": "lamp", "\ud800": 1}', "/body"),
    ],
)
async def test_what_is_not_accepted_is_a_422_that_names_the_field(
    app: FastAPI, client: AsyncClient, body: str, pointer: str
) -> None:
    @app.post("/things")
    async def create(given: ThingCreate) -> None: ...

    answer = await client.post(
        "/things", content=body, headers={"Content-Type": "application/json"}
    )

    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


def test_the_openapi_document_says_what_is_accepted() -> None:
    schema = ThingCreate.model_json_schema()
    name, data, note = (schema["properties"][field] for field in ("name", "data", "note"))

    assert schema["additionalProperties"] is False
    assert (name["minLength"], name["maxLength"]) == (1, 100)
    assert name["pattern"].endswith(r"\uFEFF]*$")
    assert data["description"] == "At most 32 levels deep."
    value = {"$ref": "#/$defs/StorableJson"}
    assert data["patternProperties"] == {r"^[^\u0000]*$": value}
    assert schema["$defs"]["StorableJson"]["anyOf"] == [
        {"type": "object", "patternProperties": data["patternProperties"]},
        {"type": "array", "items": value},
        {"type": "string", "pattern": r"^[^\u0000]*$"},
        {"type": "number", "minimum": -MAX_NUMBER, "maximum": MAX_NUMBER},
        {"type": "boolean"},
        {"type": "null"},
    ]
    assert note["pattern"] == r"^[^\u0000]*$"


class Colour(StrEnum):
    red = "red"


class Size(RequestModel):
    width: int


class Update(RequestModel):
    price: Decimal = omittable()
    colour: Colour = omittable()
    owner: uuid.UUID = omittable()
    size: Size = omittable()
    name: Name = omittable()
    note: Text | None = omittable()


def test_a_field_of_an_update_may_be_left_out() -> None:
    sent = {"colour": "red", "size": {"width": 1}, "note": None}

    assert Update.model_validate({}).model_dump(exclude_unset=True) == {}
    assert Update.model_validate(sent).model_dump(exclude_unset=True) == sent


@pytest.mark.parametrize("name", ["price", "colour", "owner", "size", "name"])
def test_a_field_of_an_update_is_not_null(name: str) -> None:
    with pytest.raises(ValidationError) as error:
        Update.model_validate({name: None})

    assert [problem["loc"] for problem in error.value.errors()] == [(name,)]


def test_the_schema_of_an_update_tells_neither_null_nor_a_default() -> None:
    schema = Update.model_json_schema()

    assert "required" not in schema
    assert "default" not in str(schema)
    nullable = [name for name, field in schema["properties"].items() if "null" in str(field)]
    assert nullable == ["note"]
