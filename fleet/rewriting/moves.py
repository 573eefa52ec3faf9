"""What a release moved: the content of its moves.toml."""

from collections.abc import Iterable, Iterator
from typing import Annotated, Self

from pydantic import BaseModel, Field

from fleet import toml_file
from fleet.errors import FleetError

Dotted = Annotated[str, Field(pattern=r"^[^\W\d]\w*(\.[^\W\d]\w*)*$")]
Path = Annotated[str, Field(pattern=r"^[^/\\]+(/[^/\\]+)*$")]
Folder = Annotated[str, Field(pattern=r"^([^/\\]+/)+$")]
Reason = Annotated[str, Field(min_length=1)]


class Rules(BaseModel, frozen=True, extra="forbid", strict=True):
    """The new path of a dotted path, or why it was removed. The longest match wins."""

    modules: dict[Dotted, Dotted] = {}
    names: dict[Dotted, Dotted] = {}
    """Names that moved to another module than the rest of theirs."""
    removed: dict[Dotted, Reason] = {}


class Moves(Rules, frozen=True, extra="forbid", strict=True):
    """The rules of one release."""

    files: dict[Path, Path] = {}
    removed_files: dict[Path, Reason] = {}
    seeds: list[Path] = []
    """Files that were shared or the template's, and now belong to the service."""
    dropped_lines: dict[Path, list[str]] = {}
    """Lines that are gone, by file: removed before the merge, since services add others beside."""
    below: dict[Folder, Rules] = {}
    """Rules that hold only for the files below a folder of the service."""

    @classmethod
    def parse(cls, text: str, name: str) -> Self:
        """Raises FleetError, which names the file and the key, if the text is not valid."""
        moves = toml_file.parse(name, text, cls)
        for fault in moves._faults():
            raise FleetError(f"{name} is not valid: {fault}")
        return moves

    def rules(self, path: str) -> list[Rules]:
        """The rules for a file of the service."""
        return [self, *(rules for folder, rules in self.below.items() if path.startswith(folder))]

    def _faults(self) -> Iterator[str]:
        yield from _twice({"files": self.files, "removed_files": self.removed_files})
        yield from _still(self.files)
        for rules in (self, *self.below.values()):
            tables = {"modules": rules.modules, "names": rules.names, "removed": rules.removed}
            yield from _twice(tables)
            yield from _still(rules.modules | rules.names)
            for name in (*rules.names, *rules.names.values()):
                if "." not in name:
                    yield f"{name} in names has no module: write module.name."


def files(releases: Iterable[Moves]) -> dict[str, str]:
    """The newest paths of the template's moved files."""
    places: dict[str, str] = {}
    for moves in releases:
        went = {old: moves.files.get(new, new) for old, new in places.items()}
        places = moves.files | went
    return places


def _twice(tables: dict[str, dict[str, str]]) -> Iterator[str]:
    known: dict[str, str] = {}
    for table, entries in tables.items():
        for key in entries:
            if key in known:
                yield f"{key} is in {known[key]} and in {table}."
            known[key] = table


def _still(moved: dict[str, str]) -> Iterator[str]:
    yield from (f"{old} moves to itself." for old, new in moved.items() if old == new)
