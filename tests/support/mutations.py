"""Faults that are put into code, which its tests must notice."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple


class Mutation(NamedTuple):
    """An edit of one file."""

    file: str
    """A pattern for its path."""
    name: str
    old: str
    new: str
    tests: str = ""
    """Those that notice it, where they cannot be told from the file."""

    def apply(self, folder: Path) -> None:
        [path] = folder.glob(self.file)
        text = path.read_text()
        assert text.count(self.old) == 1, (
            f"{self.file} must contain this once, and contains it {text.count(self.old)} times:\n"
            f"{self.old}\nMend the line {self.name!r} of mutations.toml."
        )
        path.write_text(text.replace(self.old, self.new))


def read(file: Path) -> tuple[list[Mutation], list[Mutation]]:
    """Those that are always tried, and those of the full size."""
    data = tomllib.loads(file.read_text())
    return mutations(data["always"]), mutations(data["full"])


def mutations(files: Mapping[str, Mapping[str, list[str]]]) -> list[Mutation]:
    """Of TOML like `["file"]`, then `"what goes wrong" = ["old text", "new text"]` a line."""
    return [
        Mutation(file, name, *texts)
        for file, faults in files.items()
        for name, texts in faults.items()
    ]
