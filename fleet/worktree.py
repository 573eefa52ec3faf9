"""The working tree of the person who stands in a service: what they see, and what they ask for.

Hooks and filters of their own checkout apply, as they do when they call git.
"""

import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from fleet import git
from fleet.errors import FleetError
from fleet.repository import LINK, Entry, Repository
from fleet.update import Update, write_tree


def write_update(repository: Repository, update: Update) -> None:
    """Update the working tree and the index; conflicts are there as git leaves them.

    Raises FleetError, and changes nothing, if a file that git ignores is in the way.
    """
    tree = write_tree(repository, update.files)
    sides = [entry.blob for found in update.stages.values() for entry in found.values()]
    repository.adopt(tree, *sides)
    _ask(repository, "read-tree", "-m", "-u", "HEAD", tree)
    lines = [
        line
        for path, sides in update.stages.items()
        for line in _unmerged(f"{repository.prefix}{path}", sides, tree)
    ]
    if lines:
        _ask(repository, "update-index", "-z", "--index-info", given=b"".join(lines))


def switch(repository: Repository, branch: str) -> None:
    _ask(repository, "switch", "--quiet", branch)


def read_files(repository: Repository, paths: Iterable[str]) -> dict[str, Entry]:
    """Files as git would commit them now. Links are read, never followed."""
    root = repository.folder.resolve()
    found = {path: root / path for path in paths if _is_there(root, path)}
    links = {path: file for path, file in found.items() if file.is_symlink()}
    files = {path: file for path, file in found.items() if path not in links and file.is_file()}
    listed = "".join(f"{path}\n" for path in files)
    names = _ask(repository, "hash-object", "--stdin-paths", given=os.fsencode(listed)).split()
    contents = {path: os.fsencode(file.readlink()) for path, file in links.items()}
    entries = {path: Entry(LINK, repository.name(text)) for path, text in contents.items()}
    for (path, file), name in zip(files.items(), names, strict=True):
        mode = "100755" if file.stat().st_mode & stat.S_IXUSR else "100644"
        entries[path], contents[path] = Entry(mode, name), file.read_bytes()
    repository.known.update({entries[path].blob: text for path, text in contents.items()})
    return entries


def _is_there(root: Path, path: str) -> bool:
    """Whether there is something at a path, which no link leads to."""
    file = root / path
    return os.path.lexists(file) and file.parent.resolve() == file.parent


def _unmerged(path: str, sides: Mapping[str, Entry], name: str) -> Iterator[bytes]:
    """As git-update-index(1) reads it: mode 0 removes the merged entry."""
    yield os.fsencode(f"0 {'0' * len(name)}\t{path}\0")
    for stage, entry in sides.items():
        yield os.fsencode(f"{entry.mode} {entry.blob} {stage}\t{path}\0")


def _ask(repository: Repository, *arguments: str, given: bytes = b"") -> str:
    done = git.as_person(repository.folder, *arguments, given=given)
    if done.returncode:
        raise FleetError(
            f"`git {arguments[0]}` failed in {repository.folder}: {git.said(done.stderr)}"
        )
    return done.stdout
