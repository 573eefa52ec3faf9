"""Drops lines that a release removes from a file to which services add lines."""

from collections.abc import Collection, Mapping
from types import MappingProxyType

from fleet.repository import Repository

DroppedLines = Mapping[str, Collection[str]]
"""Lines, by file."""
NOTHING: DroppedLines = MappingProxyType({})


def droppable(repository: Repository, dropped_lines: DroppedLines) -> DroppedLines:
    """The lines of files that still have all of theirs. A changed line is left to git's merge."""
    files = repository.files
    return {
        path: lines
        for path, lines in dropped_lines.items()
        if path in files and files[path].is_file and _has(repository, path, lines)
    }


def without_lines(content: bytes, unwanted: Collection[str]) -> bytes:
    """git cannot merge a line that the template removed with a change beside it, such as another
    resource in a list."""
    lines = content.splitlines(keepends=True)
    return b"".join(_without(lines, {line.encode() for line in unwanted}))


def _has(repository: Repository, path: str, lines: Collection[str]) -> bool:
    content = repository.content(path, repository.files[path])
    return {line.encode() for line in lines} <= {*map(bytes.strip, content.splitlines())}


def _without(lines: list[bytes], unwanted: Collection[bytes]) -> list[bytes]:
    """What stood between two empty lines leaves one of them behind."""
    kept: list[bytes] = []
    was_dropped = False
    for line in lines:
        is_dropped = line.strip() in unwanted
        is_second_empty = was_dropped and not line.strip() and kept and not kept[-1].strip()
        if not (is_dropped or is_second_empty):
            kept.append(line)
        was_dropped = is_dropped
    return kept
