"""Rewrites the files of a service that use moved names, and stages them."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fleet import git
from fleet.rewriting import formatting
from fleet.rewriting.findings import Left
from fleet.rewriting.moves import Moves
from fleet.rewriting.resolution import Names
from fleet.rewriting.worker import rewrite_all
from fleet.service import Service

AT_RUN_TIME = "import_module|__import__"
MARKER = re.compile(rb"^<{7} ", re.MULTILINE)


@dataclass(frozen=True)
class Carried:
    """A file of the service that uses moved names. The path is relative to the service."""

    path: str
    changes: dict[str, str]
    """The new path of each moved one."""
    left: list[Left]


@dataclass(frozen=True)
class _File:
    """One that is tracked and may use moved names."""

    path: str
    content: bytes
    is_merged: bool


def carry(service: Service, releases: Sequence[Moves], render: str) -> list[Carried]:
    """Rewrite all tracked Python files but those that are word for word as in a render."""
    files = list(_files(service.folder, releases, render)) if releases else []
    merged = {file.path: file.content for file in files if file.is_merged}
    told = [_conflicting(file) for file in files if not file.is_merged]
    for path, rewritten in rewrite_all(releases, merged):
        if rewritten.content != merged[path]:
            _write(service.folder, path, rewritten.content)
        if rewritten.changes or rewritten.left:
            told.append(Carried(path, rewritten.changes, rewritten.left))
    return sorted(told, key=lambda it: it.path)


def _files(folder: Path, releases: Sequence[Moves], render: str) -> Iterator[_File]:
    """Regular files in the index, each once, which no link leads to."""
    rendered, seen = _blobs(folder, render), set[str]()
    for line in git.paths(folder, "ls-files", "--stage", "-z", "--", "*.py"):
        about, _, path = line.partition("\t")
        mode, blob, stage = about.split()
        is_new = path not in seen and rendered.get(path) != blob
        seen.add(path)
        if mode.startswith("100") and is_new and _is_plain(folder, path):
            content = (folder / path).read_bytes()
            if _pattern(frozenset(Names(releases, path).words())).search(content):
                yield _File(path, content, stage == "0")


def _blobs(folder: Path, commit: str) -> dict[str, str]:
    lines = (it.partition("\t") for it in git.paths(folder, "ls-tree", "-r", "-z", commit))
    return {path: about.split()[2] for about, _, path in lines}


def _is_plain(folder: Path, path: str) -> bool:
    """Whether it is a file, and no link leads to it."""
    file = folder / path
    return file.is_file() and file.resolve() == folder.resolve() / path


@cache
def _pattern(words: frozenset[str]) -> re.Pattern[bytes]:
    """Found in each file that uses what has moved, and in some others."""
    return re.compile(rf"\b({'|'.join(map(re.escape, words))}|{AT_RUN_TIME})\b".encode())


def _conflicting(file: _File) -> Carried:
    marker = MARKER.search(file.content)
    line = file.content.count(b"\n", 0, marker.start()) + 1 if marker else 1
    return Carried(file.path, {}, [Left(line, "it has conflicts, so moved names are left in it")])


def _write(folder: Path, path: str, content: bytes) -> None:
    """Stage it, sorted and formatted where it was so before."""
    was_sorted = formatting.is_sorted(folder, path)
    was_formatted = formatting.is_formatted(folder, path)
    (folder / path).write_bytes(content)
    if was_sorted:
        formatting.sort_imports(folder, path)
    if was_formatted:
        formatting.reformat(folder, path)
    git.git(folder, "add", "--", f":(literal){path}")
