"""Merges the template's changes into a service with git.

Both versions are rendered with the service's answers; the difference between the two renders is
merged into the service. So edits follow a renamed file, and a file that the template removed and
the service changed is a conflict, not a loss.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from fleet import changelog, git, merge, recipes
from fleet.dropped_lines import droppable
from fleet.errors import FleetError
from fleet.merge import Renders
from fleet.ownership import Owner, Ownership
from fleet.rewriting import moves, releases
from fleet.rewriting.files import Carried, carry, sorted_before
from fleet.service import ANSWERS_FILE, Service
from fleet.template import Template

NO_DATA: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class Update:
    """An update's effect on a service's working tree. Paths are relative to the service."""

    before: str
    after: str
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


def update(
    service: Service, template: Template, *, to: str = "", data: Mapping[str, Any] = NO_DATA
) -> Update:
    """Merge the template's changes from the recorded version to another one, by default the
    newest; `data` overrides answers. Nothing is committed.

    Raises FleetError, and leaves the service untouched, if it has uncommitted changes or the
    version is unknown, older or refuses the answers.
    """
    service.require_clean()
    after = to or template.newest
    _require_newer(service, template, after)
    template.questions(after).require(data)
    ownership = template.ownership(after)
    moved = releases.between(template, service.version, after)
    dropped = droppable(
        service,
        {path: lines for release in moved for path, lines in release.dropped_lines.items()},
    )
    seeds = [path for release in moved for path in release.seeds]
    renders = merge.render_both(
        service, template, after, data, new_seeds=seeds, dropped_lines=dropped
    )
    edited = changed_here(service, renders.old, ownership)
    were_sorted = sorted_before(service, moved)
    merge.merge(service, renders, dropped_lines=dropped)
    left_deleted = merge.leave_deleted(service)
    carried = carry(service, moved, renders.new, were_sorted=were_sorted)
    return Update(
        before=service.version,
        after=template.describe(after),
        changed=_changed(service, ownership),
        conflicts=merge.conflicts(service, moves.files(moved)),
        edited=edited,
        left_deleted=left_deleted,
        changelog=changelog.between(
            template.read(service.version, "CHANGELOG.md"), template.read(after, "CHANGELOG.md")
        ),
        carried=carried,
        own=[path for path in seeds if merge.keeps(service, renders, path)],
        recipes=recipes.between(
            template.read(service.version, "UPGRADING.md"),
            template.read(after, "UPGRADING.md"),
            {**service.answers, **data},
        ),
        renders=renders,
    )


def is_up_to_date(service: Service, template: Template, to: str = "") -> bool:
    """Whether the service already records the version."""
    return template.commit(service.version) == template.commit(to or template.newest)


def changed_here(service: Service, render: str, ownership: Ownership) -> dict[str, str]:
    """The template's files that differ in the service's HEAD, and the place for additions."""
    changed = git.paths(
        service.folder, "diff", "--name-only", "--no-renames", "--relative", "-z", render, "HEAD"
    )
    owned = [path for path in changed if ownership.owner(path) is Owner.TEMPLATE]
    return {path: ownership.place(path) for path in owned}


def _require_newer(service: Service, template: Template, after: str) -> None:
    if not template.precedes(service.version, after):
        raise FleetError(
            f"{service.folder} is at {service.version}, which is not an ancestor of {after}: "
            "updates only go forward."
        )


def _changed(service: Service, ownership: Ownership) -> dict[Owner, list[str]]:
    paths = git.paths(
        service.folder, "diff", "--name-only", "--no-renames", "--relative", "-z", "HEAD"
    )
    changed: dict[Owner, list[str]] = {}
    for path in sorted(set(paths) - {ANSWERS_FILE}):
        changed.setdefault(ownership.owner(path), []).append(path)
    return changed
