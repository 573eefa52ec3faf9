"""Writes text to terminals and files."""

from pathlib import Path

from fleet.errors import FleetError


def printable(text: str) -> str:
    """Text for a terminal: names come from outside and may contain control codes."""
    return "".join(character if character.isprintable() else "�" for character in text)


def write(file: Path, text: str) -> None:
    """Raises FleetError if the file cannot be written."""
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise FleetError(f"{file} cannot be written: {error.strerror}.") from error
