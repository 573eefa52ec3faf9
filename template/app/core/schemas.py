"""What the schemas of requests are made of: only values that Postgres keeps as they came."""

import re
import unicodedata
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    JsonValue,
    TypeAdapter,
)
from pydantic_core import PydanticCustomError
from typing_extensions import TypeAliasType

# Control characters, and those that nobody sees or that turn the direction of writing. Not the two
# joiners, U+200C and U+200D, which some scripts and emoji need.
CONTROL = r"\u0000-\u001F\u007F-\u009F\u200B\u200E\u200F\u2028-\u202E\u2060-\u206F\uFEFF"
NAME = rf"^[^{CONTROL}]*[^\s\u200C\u200D{CONTROL}][^{CONTROL}]*$"
NOT_STORABLE = re.compile("[\0\ud800-\udfff]")
MAX_LEVELS = 32
MAX_NUMBER = 2**53 - 1  # the largest that every reader of JSON keeps exact: RFC 7493


class RequestModel(BaseModel):
    """Base class of what clients send: an unknown field is an error, not a silent typo."""

    model_config = ConfigDict(extra="forbid")


def omittable() -> Any:
    """A field of an update that may be left out, but not be null: `price: Decimal = omittable()`.

    `model_dump(exclude_unset=True)` has what was sent, and so never the None that stands for it.
    """
    return Field(default_factory=lambda: None)  # a default would stand in the OpenAPI document


def _check_name(name: str) -> str:
    if not re.fullmatch(NAME, name):
        sentence = "It must have a visible character, and no control character"
        raise PydanticCustomError("name", sentence)
    return unicodedata.normalize("NFC", name.strip())


def _check_text(text: str) -> str:
    if NOT_STORABLE.search(text):
        raise PydanticCustomError("text", "Text must not contain U+0000, nor half a surrogate pair")
    return text


def _check_json(value: dict[str, JsonValue]) -> dict[str, JsonValue]:
    _check_value(value, MAX_LEVELS)
    return value


def _check_value(value: JsonValue, levels: int) -> None:
    if isinstance(value, str):
        _check_text(value)
    elif isinstance(value, int | float):
        if not abs(value) <= MAX_NUMBER:  # jsonb writes 1e300 as 301 digits
            raise PydanticCustomError("number", f"Numbers must be within ±{MAX_NUMBER}")
    elif isinstance(value, dict | list):
        if not levels:
            raise PydanticCustomError("levels", f"It must have at most {MAX_LEVELS} levels")
        for child in [*value, *value.values()] if isinstance(value, dict) else value:
            _check_value(child, levels - 1)


Text = Annotated[
    str, Field(json_schema_extra={"pattern": r"^[^\u0000]*$"}), AfterValidator(_check_text)
]
"""Any text that Postgres can hold."""

Line = Annotated[
    str, Field(min_length=1, json_schema_extra={"pattern": NAME}), AfterValidator(_check_name)
]
"""A line of text that people see, of any length: stripped, not blank, in normal form C."""

Name = Annotated[Line, Field(max_length=100)]
"""A line of 100 characters at most."""

Number = Annotated[float, Field(ge=-MAX_NUMBER, le=MAX_NUMBER)]
StorableJson = TypeAliasType(
    "StorableJson", "dict[Text, StorableJson] | list[StorableJson] | Text | Number | bool | None"
)


class _Described:
    """Describes JSON by `StorableJson`; to validate by it would give an error for each type."""

    def __get_pydantic_json_schema__(self, _: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return handler(TypeAdapter(dict[Text, StorableJson]).core_schema)


JsonObject = Annotated[
    dict[str, JsonValue],
    AfterValidator(_check_json),
    _Described(),
    Field(description=f"At most {MAX_LEVELS} levels deep."),
]
"""An object that a jsonb column gives back as it was sent, -0.0 as 0."""
