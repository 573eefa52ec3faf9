"""Merges the difference of two renders into a service, in memory.

The old render is the base, so a file that the template removed and the service changed is a
conflict, not a loss, and edits follow a renamed file.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fleet.dropped_lines import DroppedLines, without_lines
from fleet.errors import FleetError
from fleet.git import said
from fleet.plain import File
from fleet.repository import Content, Entry, Repository, Tree

# The stages of an unmerged path (git-merge-tree(1)): the base, the service, the template.
REASONS = {
    "1": "renamed here and in the template, to different names",
    "2": "renamed here, changed in the template",
    "12": "changed here, removed by the template",
    "3": "removed or renamed here, renamed by the template",
    "13": "removed here, changed in the template",
    "23": "added here and in the template",
    "123": "changed here and in the template, in the same lines",
}
REMOVED_BY_TEMPLATE, REMOVED_HERE = "12", "13"
ATTRIBUTES = ".gitattributes"
EVERY_FILE = (b"ident", b"working-tree-encoding")
"""Attributes for which git changes files without carriage returns too."""
CRLF = b"\r\n"
Files = Mapping[str, Entry | Content]
"""Files by path."""
Stages = dict[str, dict[str, Entry]]
"""The entry of each stage, by path."""
OLD, OURS = "old", "main"


@dataclass(frozen=True)
class Merged:
    files: dict[str, Entry]
    """The service as it is merged, conflicts with their markers."""
    stages: Stages
    left_deleted: list[str]
    """Files that the service had deleted and the template changed."""


@dataclass(frozen=True)
class Renders:
    """Two versions as git would commit them into the service."""

    old: Files
    new: Files
    version: str
    """The new one's, which names its side of a conflict."""


def merge(repository: Repository, renders: Renders, dropped_lines: DroppedLines) -> Merged:
    """Merge what changed from one render to the other into the service's commit."""
    theirs, prefix = branch_of_render(renders.version), repository.prefix
    dropped = _dropped(repository, dropped_lines)
    repository.commit_trees(
        {
            OLD: Tree(repository.placed(renders.old)),
            OURS: Tree(repository.placed(dropped), repository.tree, prefix.rstrip("/"), OLD),
            theirs: Tree(repository.placed(renders.new), parent=OLD),
        }
    )
    _write_attributes(repository, attributes_of(repository))
    command = ("merge-tree", "--write-tree", "--no-messages", "-z", "HEAD", theirs)
    done = repository.run(*command)
    if done.returncode > 1:
        raise FleetError(f"git cannot merge into {repository.folder}: {said(done.stderr)}")
    tree, *entries = done.stdout.removesuffix("\0").split("\0")
    stages = _stages(entries, prefix)
    deleted = [path for path, found in stages.items() if "".join(found) == REMOVED_HERE]
    files = repository.entries(f"{tree}:{prefix}" if prefix else tree)
    return Merged(
        {path: entry for path, entry in files.items() if path not in deleted},
        {path: found for path, found in stages.items() if path not in deleted},
        deleted,
    )


def branch_of_render(version: str) -> str:
    """Its name is at the template's side of a conflict."""
    return f"template-{version}"


def conflicts(stages: Stages, moved: Mapping[str, str]) -> dict[str, str]:
    """Why each path could not be merged; `moved` has the new paths of the template's files."""
    return {
        path: f"changed here, moved to {moved[path]} by the template"
        if "".join(found) == REMOVED_BY_TEMPLATE and path in moved
        else REASONS["".join(found)]
        for path, found in stages.items()
    }


def attributes_of(repository: Repository) -> dict[str, bytes]:
    """The content of each .gitattributes of the whole repository, by path."""
    return {
        path: repository.content(path, entry)
        for path, entry in repository.all_files.items()
        if entry.is_file and Path(path).name == ATTRIBUTES
    }


def _stages(entries: list[str], prefix: str) -> Stages:
    stages: Stages = {}
    for entry in entries:
        about, _, path = entry.partition("\t")
        if path:
            mode, blob, stage = about.split()
            stages.setdefault(path.removeprefix(prefix), {})[stage] = Entry(mode, blob)
    return stages


def _dropped(repository: Repository, dropped_lines: DroppedLines) -> Files:
    ours = repository.files
    return {
        path: Content(ours[path].mode, without_lines(repository.content(path, ours[path]), lines))
        for path, lines in dropped_lines.items()
    }


def committed(repository: Repository, render: Mapping[str, File]) -> Files:
    """A render as git would commit it: the service's attributes decide how lines end."""
    attributes = {
        f"{repository.prefix}{path}": file.content
        for path, file in render.items()
        if Path(path).name == ATTRIBUTES and file.content
    } | attributes_of(repository)
    every = any(word in text for text in attributes.values() for word in EVERY_FILE)
    odd = [p for p, file in render.items() if not file.is_link and (every or CRLF in file.content)]
    if odd:
        _write_attributes(repository, attributes)
    return {
        path: Entry(file.mode, _hashed(repository, path, file)) if path in odd else _same(file)
        for path, file in render.items()
    }


def _same(file: File) -> Entry | Content:
    return Entry(file.mode, file.blob) if file.blob else Content(file.mode, file.content)


def _hashed(repository: Repository, path: str, file: File) -> str:
    content = repository.blobs([file.blob])[file.blob] if file.blob else file.content
    command = ("hash-object", "-w", "--stdin", f"--path={repository.prefix}{path}")
    return repository.output(*command, given=content).strip()


def _write_attributes(repository: Repository, attributes: Mapping[str, bytes]) -> None:
    for path, text in attributes.items():
        file = repository.attributes / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text)
