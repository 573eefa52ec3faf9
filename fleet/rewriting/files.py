"""Rewrites the files of a service that use moved names."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from fleet.repository import Content, Entry, Listing, Repository
from fleet.rewriting import formatting
from fleet.rewriting.findings import Left
from fleet.rewriting.moves import Moves
from fleet.rewriting.resolution import Names
from fleet.rewriting.worker import rewrite_all

AT_RUN_TIME = "import_module|__import__"
MARKER = re.compile(rb"^<{7} ", re.MULTILINE)
SETTINGS = {"pyproject.toml", "ruff.toml", ".ruff.toml"}


@dataclass(frozen=True)
class Carried:
    """A file of the service that uses moved names. The path is relative to the service."""

    path: str
    changes: dict[str, str]
    """The new path of each moved one."""
    left: list[Left]


@dataclass(frozen=True)
class _File:
    """A file that may use moved names."""

    path: str
    content: bytes
    is_merged: bool


def carry(
    repository: Repository,
    releases: Sequence[Moves],
    merged: Listing,
    render: Mapping[str, Entry | Content],
    conflicting: Collection[str],
) -> tuple[dict[str, Entry | Content], list[Carried]]:
    """The merged files, with all Python files rewritten but those that are word for word as in a
    render; and what was done. Those that were sorted or formatted are so again."""
    files = list(_files(repository, releases, merged, render, conflicting))
    contents = {file.path: file.content for file in files if file.is_merged}
    told = [_conflicting(file) for file in files if not file.is_merged]
    rewritten = dict(rewrite_all(releases, contents))
    new = {path: one.content for path, one in rewritten.items() if one.content != contents[path]}
    formatted = _formatted(repository, merged, contents, new)
    for path, one in rewritten.items():
        left = one.left
        if path in new:
            left = _relocated(left, contents[path], formatted[path])
        if one.changes or left:
            told.append(Carried(path, one.changes, left))
    changed = {path: Content(merged[path].mode, text) for path, text in formatted.items()}
    return {**merged, **changed}, sorted(told, key=lambda file: file.path)


def _formatted(
    repository: Repository, merged: Listing, old: Mapping[str, bytes], new: Mapping[str, bytes]
) -> dict[str, bytes]:
    """The new files, sorted and formatted by the service's settings where they were so before.

    Whether they were sorted is seen among the service's modules of before: ruff takes others for
    somebody else's.
    """
    if not new:
        return {}
    before = {path: old[path] for path in new}
    with _workshop(repository, repository.files) as folder:
        _write(
            folder,
            {
                path: repository.text(repository.files[path])
                for path in new
                if path in repository.files
            },
        )
        were_sorted = formatting.sorted_files(folder, [p for p in new if p in repository.files])
    with _workshop(repository, merged) as folder:
        _write(folder, before)
        formatting.reformat(folder, list(before))
        were_formatted = [path for path in before if (folder / path).read_bytes() == before[path]]
        _write(folder, new)
        formatting.sort_imports(folder, [path for path in new if path in were_sorted])
        formatting.reformat(folder, were_formatted)
        return {path: (folder / path).read_bytes() for path in new}


@contextmanager
def _workshop(repository: Repository, files: Listing) -> Iterator[Path]:
    """A folder with the settings of a service, and the names of its modules."""
    settings = {
        path: entry
        for path, entry in repository.all_files.items()
        if entry.is_file and Path(path).name in SETTINGS
    }
    settings |= {
        f"{repository.prefix}{path}": entry
        for path, entry in files.items()
        if entry.is_file and Path(path).name in SETTINGS
    }
    modules = [f"{repository.prefix}{path}" for path in files if path.endswith(".py")]
    with TemporaryDirectory(prefix="workshop-") as scratch:
        _write(Path(scratch), dict.fromkeys(modules, b""))
        _write(Path(scratch), {path: repository.content(path, e) for path, e in settings.items()})
        yield Path(scratch) / repository.prefix


def _write(folder: Path, contents: Mapping[str, bytes]) -> None:
    for path, content in contents.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)


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


def _files(
    repository: Repository,
    releases: Sequence[Moves],
    merged: Listing,
    render: Mapping[str, Entry | Content],
    conflicting: Collection[str],
) -> Iterator[_File]:
    """Regular files that may use moved names."""
    if not releases:
        return
    known = {
        path: repository.name(what.text) if isinstance(what, Content) else what.blob
        for path, what in render.items()
    }
    python = {
        path: entry
        for path, entry in merged.items()
        if path.endswith(".py") and entry.is_file and known.get(path) != entry.blob
    }
    texts = repository.blobs(entry.blob for entry in python.values())
    for path, entry in python.items():
        content = texts[entry.blob]
        if _pattern(frozenset(Names(releases, path).words())).search(content):
            yield _File(path, content, path not in conflicting)


@cache
def _pattern(words: frozenset[str]) -> re.Pattern[bytes]:
    """A pattern that matches in each file that uses moved names, and in some others."""
    return re.compile(rf"\b({'|'.join(map(re.escape, words))}|{AT_RUN_TIME})\b".encode())


def _conflicting(file: _File) -> Carried:
    marker = MARKER.search(file.content)
    line = file.content.count(b"\n", 0, marker.start()) + 1 if marker else 1
    return Carried(file.path, {}, [Left(line, "it has conflicts, so moved names are left in it")])
