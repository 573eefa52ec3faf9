"""A service's status: its version, its drift and, if asked, the conflicts of an update."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from packaging.version import Version

from fleet import codeowners, git, waivers
from fleet.addresses import web_page
from fleet.drift import find_drift
from fleet.errors import FleetError, NotAllowedError
from fleet.repository import Repository
from fleet.service import ANSWERS_FILE, Service
from fleet.shapes import NO_SHAPES, Shapes, unmet
from fleet.template import Template
from fleet.update import is_up_to_date, make_update
from fleet.update_branch import open_branches
from fleet.waivers import Waiver

RECORDED = "-G^[\"']?_commit[\"']?:"
"""The option by which `git log` finds a commit that changed the recorded version."""


@dataclass(frozen=True, kw_only=True)
class Status:
    """A service as `fleet status --json` prints it. Without an error, only `release`, the
    days of commits, `repository` and `conflicts` can be null."""

    path: str
    """The folder, as it was given."""
    name: str
    error: str | None = None
    """Why the service could not be read, in one sentence."""
    template: str | None = None
    """The address of the template, as recorded."""
    version: str | None = None
    """The version of the template, as recorded."""
    release: str | None = None
    """The newest release that the version includes; none before the first release."""
    newest: str | None = None
    """The newest release of the template."""
    behind: int | None = None
    """How many releases the version lacks, without previews."""
    updated: date | None = None
    """The day of the last commit that changed the answers file; none if it is not committed."""
    version_since: date | None = None
    """The day of the commit that recorded the version: the last update, or the beginning."""
    committed: date | None = None
    """The day of the service's last commit."""
    owners: list[str] = field(default_factory=list)
    """Those of its folder, as CODEOWNERS names them."""
    repository: str | None = None
    """The page of its repository, where the remote tells one."""
    branches: list[str] = field(default_factory=list)
    """Those with updates that the service does not have yet, here or on a remote."""
    answers: dict[str, Any] = field(default_factory=dict)
    drift: list[str] = field(default_factory=list)
    """The template's own files, and those that the policy demands to be the same, that differ from
    the recorded version."""
    unmet: dict[str, str] = field(default_factory=dict)
    """What is wrong with each file of which the policy demands something, by path."""
    waivers: list[Waiver] = field(default_factory=list)
    conflicts: dict[str, str] | None = None
    """Why each path would conflict on an update to the newest release; none if not checked."""


def read_status(
    service: Service,
    template: Template,
    *,
    conflicts: bool = False,
    same: Sequence[str] = (),
    files: Shapes = NO_SHAPES,
) -> Status:
    """Raises FleetError if the version is unknown, its answers do not render, or the waivers are
    invalid. Looks for conflicts only if asked; `same` and `files` are those of a policy."""
    version = service.version
    held, lacking = (
        _releases(template, version, "merged"),
        _releases(template, version, "no-merged"),
    )
    return Status(
        path=str(service.folder),
        name=service.name,
        template=service.address,
        version=version,
        release=held[-1] if held else None,
        newest=template.newest,
        behind=len(lacking),
        updated=_day(service.repository, f"{service.prefix}{ANSWERS_FILE}"),
        version_since=_day(service.repository, f"{service.prefix}{ANSWERS_FILE}", RECORDED),
        committed=_day(service.repository, service.prefix),
        owners=codeowners.owners(service.repository),
        repository=_page(service.repository),
        branches=open_branches(service, template),
        answers=service.answers,
        drift=list(find_drift(service, template, same=same)),
        unmet=unmet(service.repository, files),
        waivers=waivers.read(service.repository),
        conflicts=conflicts_on_update(service, template) if conflicts else None,
    )


def refused(folder: Path, error: FleetError) -> Status:
    """The status of a service that cannot be read."""
    template = error.address if isinstance(error, NotAllowedError) else None
    name = folder.resolve().name
    return Status(path=str(folder), name=name, error=str(error), template=template)


def conflicts_on_update(service: Service, template: Template) -> dict[str, str]:
    """Found by an update in memory, of what is committed."""
    if is_up_to_date(service, template):
        return {}
    return make_update(service, template).conflicts


@cache
def _releases(template: Template, version: str, option: str) -> list[str]:
    """The final releases that a version includes (merged) or lacks (no-merged), oldest first."""
    tags = git.output(template.clone, "tag", f"--{option}", template.commit(version)).split()
    return [tag for tag in template.versions if tag in tags and not Version(tag).is_prerelease]


def _day(repository: Repository, path: str, *options: str) -> date | None:
    """The day of the last commit that changed a path; every commit changes an empty one."""
    paths = [f":(literal){path}"] if path else []
    command = ("log", "-1", "--format=%cs", *options, repository.head, "--", *paths)
    day = repository.run(*command).stdout.strip()
    return date.fromisoformat(day) if day else None


def _page(repository: Repository) -> str | None:
    """That of `origin`, or of the only remote."""
    listed = repository.in_service("config", "--list", "-z").split("\0")
    pairs = (entry.partition("\n") for entry in listed)
    remotes = {
        key.split(".", 1)[1].removesuffix(".url"): value
        for key, _, value in pairs
        if key.startswith("remote.") and key.endswith(".url")
    }
    only = next(iter(remotes.values())) if len(remotes) == 1 else ""
    return web_page(remotes.get("origin", only))
