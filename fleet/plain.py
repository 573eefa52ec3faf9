"""A version of a template in a plain folder, and the files that render from it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from fleet.repository import LINK


@dataclass(frozen=True)
class File:
    """A file or a link. Its content is in a blob of the template, or here."""

    mode: str
    blob: str = ""
    content: bytes = b""

    @property
    def is_link(self) -> bool:
        return self.mode == LINK


@dataclass(frozen=True)
class Plain:
    """A version's files in a folder of ours, as git lists them."""

    folder: Path
    files: Mapping[str, File]
    address: str
    description: str
    commit: str


Wanted = Callable[[str], bool]


def everything(_: str) -> bool:
    return True
