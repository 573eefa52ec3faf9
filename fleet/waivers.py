"""Files that may differ from the template until a given day, and why: .template-waivers.toml."""

from collections.abc import Iterable
from datetime import date
from typing import Annotated

from pathspec import GitIgnoreSpec
from pydantic import AfterValidator, BaseModel, Field

from fleet import toml_file
from fleet.errors import FleetError
from fleet.repository import Repository
from fleet.service import LARGEST, WAIVERS_FILE

Text = Annotated[str, Field(min_length=1)]


def _pattern(text: str) -> str:
    try:
        GitIgnoreSpec.from_lines([text])
    except Exception as error:  # what the pattern's library raises, it does not say
        raise ValueError("write a pattern as in .gitignore") from error
    return text


Pattern = Annotated[Text, AfterValidator(_pattern)]


class Waiver(BaseModel, frozen=True, extra="forbid", strict=True):
    """A .gitignore pattern, and the last day on which it is valid."""

    path: Pattern
    reason: Text
    expires: date

    def covers(self, path: str) -> bool:
        return matches([self.path], path)

    def is_expired(self, today: date) -> bool:
        return today > self.expires


class Waivers(BaseModel, frozen=True, extra="forbid"):
    waiver: list[Waiver] = []


def read(repository: Repository) -> list[Waiver]:
    """A service's waivers; none without a file. Raises FleetError if the file is invalid."""
    entry, name = repository.files.get(WAIVERS_FILE), str(repository.folder / WAIVERS_FILE)
    if not entry:
        return []
    try:
        text = repository.content(WAIVERS_FILE, entry, LARGEST).decode()
    except UnicodeDecodeError as error:
        raise FleetError(f"{name} is not valid TOML: {error}.") from error
    return toml_file.parse(name, text, Waivers).waiver


def matches(patterns: Iterable[str], path: str) -> bool:
    return GitIgnoreSpec.from_lines(patterns).match_file(path)
