"""Reads TOML files that people write for fleet strictly: a wrong one is refused in a sentence."""

import tomllib
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from fleet.errors import FleetError

Model = TypeVar("Model", bound=BaseModel)


def read(file: Path, model: type[Model]) -> Model:
    """Raises FleetError that names the file and the key if the model does not accept it."""
    return validated(str(file), toml(file), model)


def parse(name: str, text: str, model: type[Model]) -> Model:
    """Read the text of a file of that name, as `read` does."""
    try:
        declared = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # of a stranger's TOML, Python's own too
        raise FleetError(f"{name} is not valid TOML: {error}.") from error
    return validated(name, declared, model)


def toml(file: Path) -> dict[str, Any]:
    """Raises FleetError if the file is missing or not TOML."""
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise FleetError(f"{file} cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise FleetError(f"{file} is not valid TOML: {error}.") from error


def validated(name: str, declared: object, model: type[Model]) -> Model:
    """Raises FleetError, which begins with the name, if the model does not accept it."""
    try:
        return model.model_validate(declared)
    except ValidationError as error:
        raise FleetError(f"{name} is not valid: {_sentences(error, model)}") from error


def _sentences(error: ValidationError, model: type[BaseModel]) -> str:
    known = ", ".join(model.model_fields)
    said = []
    for fault in error.errors(include_url=False):
        place = _place(fault["loc"])
        if fault["type"] == "extra_forbidden":
            said.append(f"unknown key {place}.")
        elif fault["type"] == "missing":
            said.append(f"{place} is missing.")
        else:
            said.append(f"{place} is {fault['input']!r}. {fault['msg']}.")
    return " ".join(said) + (f" Top-level keys: {known}." if "unknown key" in said[0] else "")


def _place(location: tuple[int | str, ...]) -> str:
    """`waiver 2, expires`: people count from one."""
    named = "".join(f" {part + 1}" if isinstance(part, int) else f", {part}" for part in location)
    return named.removeprefix(", ")
