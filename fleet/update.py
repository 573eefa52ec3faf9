"""An update of one service, made in memory: its files, its conflicts and all that is known of it.

Both versions are rendered with the service's answers; the difference between the two renders is
merged into the service's commit, and its own files follow the names that moved.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from fleet import changelog, recipes, three_way
from fleet.dropped_lines import DroppedLines, droppable, without_lines
from fleet.errors import FleetError
from fleet.ownership import Owner, Ownership
from fleet.plain import File
from fleet.repository import Content, Entry, Repository, Tree
from fleet.rewriting import moves, releases
from fleet.rewriting.files import Carried, carry
from fleet.service import ANSWERS_FILE, Service
from fleet.template import Template
from fleet.three_way import Files, Renders, Stages

NO_DATA: Mapping[str, Any] = MappingProxyType({})
MADE = "update"


@dataclass(frozen=True)
class Update:
    """Paths are relative to the service."""

    before: str
    after: str
    files: Files
    """The service as it would be."""
    stages: Stages
    """The sides of each conflict."""
    changed: dict[Owner, list[str]]
    conflicts: dict[str, str]
    """Why each path could not be merged."""
    edited: dict[str, str]
    """Files of the template that the service had changed, and the place for its additions."""
    left_deleted: list[str]
    """Files that the service had deleted and the template changed."""
    changelog: str
    carried: list[Carried]
    """The service's files that use moved names."""
    own: list[str]
    """Edited files that now belong to the service."""
    recipes: str
    """The manual steps in UPGRADING.md for a service with these answers."""
    renders: Renders


def make_update(
    service: Service, template: Template, *, to: str = "", data: Mapping[str, Any] = NO_DATA
) -> Update:
    """Merge the template's changes from the recorded version to another one, by default the
    newest; `data` overrides answers. Nothing of the service changes.

    Raises FleetError if the version is unknown, older or refuses the answers.
    """
    after = to or template.newest
    _require_newer(service, template, after)
    template.questions(after).require(data)
    ownership, repository = template.ownership(after), service.repository
    moved = releases.between(template, service.version, after)
    dropped = droppable(
        repository,
        {path: lines for release in moved for path, lines in release.dropped_lines.items()},
    )
    seeds = [path for release in moved for path in release.seeds]
    renders = _renders(service, template, after, data, ownership, seeds, dropped)
    merged = three_way.merge(repository, renders, dropped)
    files, carried = carry(repository, moved, merged.files, renders.new, set(merged.stages))
    return Update(
        before=service.version,
        after=renders.version,
        files=files,
        stages=merged.stages,
        changed=_changed(repository, files, ownership),
        conflicts=three_way.conflicts(merged.stages, moves.files(moved)),
        edited=_changed_here(repository, renders.old, ownership),
        left_deleted=merged.left_deleted,
        changelog=changelog.between(
            template.read(service.version, "CHANGELOG.md"), template.read(after, "CHANGELOG.md")
        ),
        carried=carried,
        own=[path for path in seeds if path in repository.files and path not in renders.new],
        recipes=recipes.between(
            template.read(service.version, "UPGRADING.md"),
            template.read(after, "UPGRADING.md"),
            service.answers,
            data,
        ),
        renders=renders,
    )


def is_up_to_date(service: Service, template: Template, to: str = "") -> bool:
    """Whether the service already records the version."""
    return template.commit(service.version) == template.commit(to or template.newest)


def changes(repository: Repository, files: Files) -> dict[str, Entry | Content | None]:
    """What differs from the service's commit."""
    ours = repository.files
    gone = dict.fromkeys(ours.keys() - files.keys())
    return gone | {path: what for path, what in files.items() if what != ours.get(path)}


def write_tree(repository: Repository, files: Files) -> str:
    """The name of the whole repository's tree with a service's new files, in our own folder."""
    changed = repository.placed(changes(repository, files))
    repository.commit_trees({MADE: Tree(changed, start=repository.root)})
    return repository.output("rev-parse", f"{MADE}^{{tree}}").strip()


def _renders(
    service: Service,
    template: Template,
    after: str,
    data: Mapping[str, Any],
    ownership: Ownership,
    new_seeds: Iterable[str],
    dropped_lines: DroppedLines,
) -> Renders:
    """Both without seeds. One of `new_seeds` that the service has not changed is merged one last
    time, and one that it has changed stays as it is. `dropped_lines` are left out of the old
    render, as they are left out of the service."""
    name, repository = service.folder.resolve().name, service.repository
    old, new = (
        template.lend(repository, template.render(version, answers, name))
        for version, answers in (
            (service.version, service.answers),
            (after, {**service.answers, **data}),
        )
    )
    merged = [path for path in new_seeds if _same(repository, path, old.get(path))]
    kept = [_without_seeds(files, ownership, merged) for files in (old, new)]
    before, later = (three_way.committed(repository, files) for files in kept)
    # With the service's own answers file as the base, the merge takes the new version's.
    base = {**before, ANSWERS_FILE: repository.files[ANSWERS_FILE]}
    for path, lines in dropped_lines.items():
        if path in base:
            text = repository.text(base[path])
            base[path] = Content(base[path].mode, without_lines(text, lines))
    return Renders(base, later, template.describe(after))


def _without_seeds(
    render: Mapping[str, File], ownership: Ownership, kept: Iterable[str]
) -> dict[str, File]:
    return {
        path: file
        for path, file in render.items()
        if path in kept or ownership.owner(path) is not Owner.SEED
    }


def _same(repository: Repository, path: str, file: File | None) -> bool:
    """Whether both have the same content, or are both missing."""
    ours = repository.files.get(path)
    if not ours or not file:
        return not ours and not file
    return ours.blob == (file.blob or repository.name(file.content))


def _changed_here(repository: Repository, render: Files, ownership: Ownership) -> dict[str, str]:
    """The template's files that differ in the service, and the place for additions."""
    ours = repository.files
    named = {
        path: Entry(what.mode, repository.name(what.text)) if isinstance(what, Content) else what
        for path, what in render.items()
    }
    changed = sorted(path for path in {*ours, *named} if ours.get(path) != named.get(path))
    owned = [path for path in changed if ownership.owner(path) is Owner.TEMPLATE]
    return {path: ownership.place(path) for path in owned}


def _changed(repository: Repository, files: Files, ownership: Ownership) -> dict[Owner, list[str]]:
    changed: dict[Owner, list[str]] = {}
    for path in sorted(changes(repository, files).keys() - {ANSWERS_FILE}):
        changed.setdefault(ownership.owner(path), []).append(path)
    return changed


def _require_newer(service: Service, template: Template, after: str) -> None:
    if not template.precedes(service.version, after):
        raise FleetError(
            f"{service.folder} is at {service.version}, which is not an ancestor of {after}: "
            "updates only go forward."
        )
