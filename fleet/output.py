"""Writes text to terminals and files."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from pydantic_core import to_jsonable_python

from fleet.errors import FleetError

FORMAT = 2
"""The JSON's version: raised when a key is renamed or removed, not when one is added."""


def printable(text: str) -> str:
    """Text for a terminal: names come from outside and may contain control codes."""
    return "".join(character if character.isprintable() else "�" for character in text)


def write(file: Path, text: str) -> None:
    """Raises FleetError if the file cannot be written."""
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise FleetError(f"{file} cannot be written: {error.strerror}.") from error


def as_json(today: date, services: Sequence[Any]) -> str:
    """The one form of JSON that all commands print: an object for each service."""
    document = {"format": FORMAT, "date": today, "services": _encodable(list(services))}
    return TypeAdapter(dict[str, Any]).dump_json(document, indent=2).decode()


def _encodable(value: Any) -> Any:
    """Names that are not UTF-8 have surrogates, which JSON has not: their bytes are escaped."""
    plain = to_jsonable_python(value) if not isinstance(value, dict | list | str) else value
    if isinstance(plain, str):
        return plain.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    if isinstance(plain, dict):
        return {_encodable(key): _encodable(each) for key, each in plain.items()}
    if isinstance(plain, list):
        return [_encodable(each) for each in plain]
    return plain
