"""Where a service may differ from its template for a while, and why: .template-waivers.toml."""

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
    """A pattern as in .gitignore, and the last day on which it counts."""

    path: Text
    reason: Text
    expires: date

    def fits(self, path: str) -> bool:
        return matches([self.path], path)

    def is_expired(self, today: date) -> bool:
        return today > self.expires


class Waivers(BaseModel, frozen=True, extra="forbid"):
    waiver: list[Waiver] = []


def read(folder: Path) -> list[Waiver]:
    """A service's waivers, none where it has no file. Raises FleetError for a wrong one."""
    file = folder / WAIVERS_FILE
    return settings.read(file, Waivers).waiver if file.exists() else []


def matches(patterns: Iterable[str], path: str) -> bool:
    return GitIgnoreSpec.from_lines(patterns).match_file(path)
