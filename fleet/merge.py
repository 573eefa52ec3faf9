"""Renders two versions of a template for a service, and merges their difference with git."""

import shutil
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from fleet import git
from fleet.dropped_lines import NOTHING, DroppedLines, drop_lines
from fleet.errors import FleetError
from fleet.ownership import Owner, Ownership
from fleet.service import ANSWERS_FILE, Service
from fleet.template import Template, files

# The two letters of `git status` (git-status(1), "Short Format"); "us" is the service.
REASONS = {
    "DD": "renamed here and in the template, to different names",
    "AU": "renamed here, changed in the template",
    "UD": "changed here, removed by the template",
    "UA": "removed or renamed here, renamed by the template",
    "DU": "removed here, changed in the template",
    "AA": "added here and in the template",
    "UU": "changed here and in the template, in the same lines",
}
IDENTITY = {
    f"GIT_{role}_{name}": value
    for role in ("AUTHOR", "COMMITTER")
    for name, value in {"NAME": "Template update", "EMAIL": "template-update@localhost"}.items()
}


@dataclass(frozen=True)
class Renders:
    """Two commits in the service's object store: the old version's files and the new one's."""

    old: str
    new: str


def render_both(
    service: Service,
    template: Template,
    after: str,
    data: Mapping[str, Any],
    *,
    new_seeds: Iterable[str] = (),
    dropped_lines: DroppedLines = NOTHING,
) -> Renders:
    """Commit renders of the recorded version and of a newer one, both without seeds.

    `new_seeds` become seeds with this update: one that the service has not changed is merged one
    last time, and one that it has changed stays as it is. `dropped_lines` are left out of the old
    render, as `merge` leaves them out of the service.
    """
    ownership = template.ownership(after)
    with TemporaryDirectory(prefix="renders-") as folder:
        old, new = (Path(folder, name, service.prefix) for name in ("old", "new"))
        template.render(service.version, service.answers, old)
        template.render(after, {**service.answers, **data}, new)
        # With the service's own answers file as the base, the merge takes the new version's.
        shutil.copyfile(service.folder / ANSWERS_FILE, old / ANSWERS_FILE)
        merged = [path for path in new_seeds if _same(service.folder / path, old / path)]
        for rendered in (old, new):
            _remove_seeds(rendered, ownership, keep=merged)
        drop_lines(old, dropped_lines)
        base = _commit(service, Path(folder, "old"), f"Template {service.version}")
        theirs = _commit(
            service, Path(folder, "new"), f"Update the template to {after}", "-p", base
        )
    return Renders(base, theirs)


def merge(service: Service, renders: Renders, *, dropped_lines: DroppedLines = NOTHING) -> None:
    """git-cherry-pick(1) merges with the old render as the base, and returns 1 for conflicts."""
    for path in drop_lines(service.folder, dropped_lines):
        git.output(service.folder, "add", "--", path)
    command = ["-c", "merge.directoryRenames=false", "cherry-pick", "--no-commit", renders.new]
    merged = git.run(service.folder, *command, environment=IDENTITY)
    if merged.returncode > 1 or (merged.returncode and not _unmerged(service)):
        raise FleetError(f"git could not merge the update into {service.folder}: {merged.stderr}")


def conflicts(service: Service, moved: Mapping[str, str]) -> dict[str, str]:
    """Why each path could not be merged; `moved` has the new paths of the template's files."""
    return {
        path: f"changed here, moved to {moved[path]} by the template"
        if letters == "UD" and path in moved
        else REASONS[letters]
        for path, letters in _unmerged(service).items()
    }


def keeps(service: Service, renders: Renders, path: str) -> bool:
    """Whether the service keeps its own file where the template has a seed."""
    rendered = git.run(service.folder, "cat-file", "-e", f"{renders.new}:./{path}")
    return bool(rendered.returncode) and (service.folder / path).is_file()


def leave_deleted(service: Service) -> list[str]:
    """Files that the service deleted stay deleted, whatever the template changed in them."""
    deleted = [path for path, letters in _unmerged(service).items() if letters == "DU"]
    if deleted:
        git.output(service.folder, "rm", "--quiet", "--force", "--", *deleted)
    return deleted


def _remove_seeds(render: Path, ownership: Ownership, *, keep: Collection[str]) -> None:
    for path in files(render):
        if ownership.owner(path) is Owner.SEED and path not in keep:
            (render / path).unlink()


def _same(file: Path, other: Path) -> bool:
    """Whether both have the same content, or are both missing."""
    contents = [path.read_bytes() if path.is_file() else None for path in (file, other)]
    return contents[0] == contents[1]


def _commit(service: Service, folder: Path, message: str, *parents: str) -> str:
    """Commit a folder's content to the service's repository, on no branch."""
    store = git.output(service.folder, "rev-parse", "--absolute-git-dir").strip()
    with TemporaryDirectory(prefix="index-") as scratch:
        environment = {
            "GIT_DIR": store,
            "GIT_WORK_TREE": str(folder),
            "GIT_INDEX_FILE": f"{scratch}/index",
        }
        git.output(folder, "add", "--all", "--force", ".", environment=environment)
        tree = git.output(folder, "write-tree", environment=environment).strip()
    return git.output(
        service.folder, "commit-tree", "-m", message, *parents, tree, environment=IDENTITY
    ).strip()


def _unmerged(service: Service) -> dict[str, str]:
    """The two letters of `git status` for each unmerged path."""
    entries = git.paths(service.folder, "status", "--porcelain", "-z", "--no-renames", "--", ".")
    return {
        entry[3:].removeprefix(service.prefix): entry[:2]
        for entry in entries
        if entry[:2] in REASONS
    }
