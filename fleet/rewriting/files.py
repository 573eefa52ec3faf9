"""Rewrites the files of a service that use moved names, and stages them."""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
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
    """A tracked file that may use moved names."""

    path: str
    content: bytes
    is_merged: bool


def sorted_before(service: Service, releases: Sequence[Moves]) -> frozenset[str]:
    """Files whose imports are sorted, as long as the modules that they name are there: ruff takes
    others for somebody else's."""
    paths = [file.path for file in _files(service.folder, releases)]
    return formatting.sorted_files(service.folder, paths)


def carry(
    service: Service, releases: Sequence[Moves], render: str, *, were_sorted: Collection[str]
) -> list[Carried]:
    """Rewrite all tracked Python files but those that are word for word as in a render. Those that
    were sorted or formatted are so again."""
    files = list(_files(service.folder, releases, render))
    merged = {file.path: file.content for file in files if file.is_merged}
    told = [_conflicting(file) for file in files if not file.is_merged]
    for path, rewritten in rewrite_all(releases, merged):
        left = rewritten.left
        if rewritten.content != merged[path]:
            _write(service.folder, path, rewritten.content, was_sorted=path in were_sorted)
            left = _relocated(left, merged[path], (service.folder / path).read_bytes())
        if rewritten.changes or left:
            told.append(Carried(path, rewritten.changes, left))
    return sorted(told, key=lambda file: file.path)


def _relocated(left: list[Left], before: bytes, after: bytes) -> list[Left]:
    """With the lines of the file as it is after the rewriting. A line that changed is told as the
    first one in its place."""
    old, new = before.splitlines(), after.splitlines()
    lines = {
        first + offset + 1: there + (offset if kind == "equal" else 0) + 1
        for kind, first, last, there, _ in SequenceMatcher(None, old, new).get_opcodes()
        for offset in range(last - first)
    }
    return [Left(lines.get(each.line, each.line), each.reason) for each in left]


def _files(folder: Path, releases: Sequence[Moves], render: str = "") -> Iterator[_File]:
    """Regular files in the index, each once, which no link leads to."""
    if not releases:
        return
    rendered, seen = _blobs(folder, render) if render else {}, set[str]()
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
    lines = (line.partition("\t") for line in git.paths(folder, "ls-tree", "-r", "-z", commit))
    return {path: about.split()[2] for about, _, path in lines}


def _is_plain(folder: Path, path: str) -> bool:
    """Whether the path is a file, and none of its parts is a link."""
    file = folder / path
    return file.is_file() and file.resolve() == folder.resolve() / path


@cache
def _pattern(words: frozenset[str]) -> re.Pattern[bytes]:
    """A pattern that matches in each file that uses moved names, and in some others."""
    return re.compile(rf"\b({'|'.join(map(re.escape, words))}|{AT_RUN_TIME})\b".encode())


def _conflicting(file: _File) -> Carried:
    marker = MARKER.search(file.content)
    line = file.content.count(b"\n", 0, marker.start()) + 1 if marker else 1
    return Carried(file.path, {}, [Left(line, "it has conflicts, so moved names are left in it")])


def _write(folder: Path, path: str, content: bytes, *, was_sorted: bool) -> None:
    """Stage it, sorted and formatted where it was so before."""
    was_formatted = formatting.is_formatted(folder, path)
    (folder / path).write_bytes(content)
    if was_sorted:
        formatting.sort_imports(folder, path)
    if was_formatted:
        formatting.reformat(folder, path)
    git.output(folder, "add", "--", f":(literal){path}")
