"""What a service consists of, and how two of them differ."""

import re
from pathlib import Path
from typing import Any

from tests.support import history, services

# Rendered once, then the service's own: an update neither changes nor restores them.
SEEDS = ("app/items/", "tests/items/", "migrations/versions/")

# What the examples of earlier releases import, and have to import now.
MOVED = {
    b"from app.core.openapi import problems\n": b"from app.core.errors import problems\n",
    b"from httpx import AsyncClient\n": b"from httpx2 import AsyncClient\n",
}

Files = dict[str, tuple[int, bytes]]


def files_of(service: Path) -> Files:
    """What git would commit: mode and content by path."""
    listed = services.git(service, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    files = {path: service / path for path in listed.split("\0") if path}
    return {
        path: (file.stat().st_mode & 0o111, file.read_bytes())
        for path, file in files.items()
        if file.exists()
    }


def all_files(folder: Path) -> Files:
    """What a render without a repository holds, links included."""
    files = [file for file in sorted(folder.rglob("*")) if not file.is_dir() or file.is_symlink()]
    return {
        str(file.relative_to(folder)): (file.stat().st_mode & 0o111, file.read_bytes())
        for file in files
    }


def contents_of(folder: Path) -> dict[str, bytes]:
    return {path: content for path, (_, content) in all_files(folder).items()}


def texts_of(folder: Path) -> dict[str, str]:
    return {path: content.decode() for path, content in contents_of(folder).items()}


def without_seeds(files: Files) -> Files:
    return {path: file for path, file in files.items() if not path.startswith(SEEDS)}


def seeds(files: Files) -> Files:
    return {path: file for path, file in files.items() if path.startswith(SEEDS)}


def carried(files: Files) -> Files:
    """With the new names of what the template has moved."""
    return {path: (mode, _renamed(content)) for path, (mode, content) in files.items()}


def _renamed(content: bytes) -> bytes:
    for old, new in MOVED.items():
        content = content.replace(old, new)
    return content


def differences(one: Files, other: Files) -> dict[str, tuple[object, object]]:
    """The paths that are not the same, with both contents: short where a whole tree differs."""
    return {
        path: (one.get(path), other.get(path))
        for path in sorted(one | other)
        if one.get(path) != other.get(path)
    }


def conflicts(service: Path) -> list[str]:
    """What an update could not merge. Copier ends with success all the same."""
    status = services.git(service, "status", "--porcelain", "--ignored", "--untracked-files=all")
    unmerged = [line for line in status.splitlines() if re.match("U.|.U|AA|DD", line)]
    rejected = [line for line in status.splitlines() if line.endswith((".rej", ".orig"))]
    marked = [
        f"{path}: {line}"
        for path, (_, content) in files_of(service).items()
        for line in content.decode().splitlines()
        if re.match(r"(<{7}|\|{7}|>{7})( |$)", line)
    ]
    return unmerged + rejected + marked


def mishaps(
    service: Path, before: Files, old: Path, fresh: Path, edited: Path, answers: dict[str, Any]
) -> dict[str, Any]:
    """What an update lost, from a service that was rendered like `old`. Seeds and files of the
    service's own must be as before, all others as in the edited fresh one."""
    after, template = files_of(service), without_seeds(all_files(fresh))
    theirs = template | without_seeds(all_files(old))
    own = {path: file for path, file in before.items() if path not in theirs}
    expected = {path: file for path, file in files_of(edited).items() if path in template}
    recorded = history.answers_in(service / ".copier-answers.yml")
    found: dict[str, Any] = {
        "conflicts": conflicts(service),
        "template": differences({p: f for p, f in after.items() if p in template}, expected),
        "seeds": differences(seeds(after), seeds(before)),
        "own": differences({p: f for p, f in after.items() if p not in template}, own),
        "answers": {
            name: recorded.get(name) for name in answers if recorded.get(name) != answers[name]
        },
    }
    return {kind: paths for kind, paths in found.items() if paths}
