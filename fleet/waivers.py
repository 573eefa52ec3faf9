"""Files that may differ from the template until a given day, and why: .template-waivers.toml."""

from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Annotated

from pathspec import GitIgnoreSpec
from pydantic import BaseModel, Field

from fleet import settings

WAIVERS_FILE = ".template-waivers.toml"

Text = Annotated[str, Field(min_length=1)]


class Waiver(BaseModel, frozen=True, extra="forbid", strict=True):
    """A .gitignore pattern, and the last day on which it is valid."""

    path: Text
    reason: Text
    expires: date

    def covers(self, path: str) -> bool:
        return matches([self.path], path)

    def is_expired(self, today: date) -> bool:
        return today > self.expires


class Waivers(BaseModel, frozen=True, extra="forbid"):
    waiver: list[Waiver] = []


def read(folder: Path) -> list[Waiver]:
    """A service's waivers; none without a file. Raises FleetError if the file is invalid."""
    file = folder / WAIVERS_FILE
    return settings.read(file, Waivers).waiver if file.exists() else []


def matches(patterns: Iterable[str], path: str) -> bool:
    return GitIgnoreSpec.from_lines(patterns).match_file(path)
