"""Drops lines that a release removes from a file to which services add lines."""

from collections.abc import Collection, Mapping
from pathlib import Path
from types import MappingProxyType

from fleet.service import Service

DroppedLines = Mapping[str, Collection[str]]
"""Lines, by file."""
NOTHING: DroppedLines = MappingProxyType({})


def droppable(service: Service, dropped_lines: DroppedLines) -> DroppedLines:
    """The lines of files that still have all of theirs. A changed line is left to git's merge."""
    return {
        path: lines
        for path, lines in dropped_lines.items()
        if {line.encode() for line in lines} <= {*map(bytes.strip, _lines(service.folder / path))}
    }


def drop_lines(folder: Path, dropped_lines: DroppedLines) -> list[str]:
    """Remove whole lines from files. Returns the files that changed.

    git cannot merge a line that the template removed with a change beside it, such as another
    resource in a list.
    """
    changed = []
    for path, unwanted in dropped_lines.items():
        lines = _lines(folder / path)
        kept = _without(lines, {line.encode() for line in unwanted})
        if len(kept) < len(lines):
            (folder / path).write_bytes(b"".join(kept))
            changed.append(path)
    return changed


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


def _lines(file: Path) -> list[bytes]:
    return file.read_bytes().splitlines(keepends=True) if _is_plain(file) else []


def _is_plain(file: Path) -> bool:
    return file.is_file() and not file.is_symlink()
