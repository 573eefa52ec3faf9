"""Puts an update on a branch of its own, with the text of a pull request: what the scheduled job
of a service does."""

import os
import subprocess
from dataclasses import dataclass, replace

from fleet import branches, git, report
from fleet.errors import FleetError
from fleet.merge import IDENTITY
from fleet.rewriting.files import Carried
from fleet.service import Service
from fleet.template import Template
from fleet.update import Update, update


@dataclass(frozen=True)
class Proposal:
    branch: str
    body: str
    """The text for the pull request, in Markdown."""
    conflicts: dict[str, str]
    """Why each path could not be merged."""
    locked: bool
    """Whether uv.lock, where there is one, fits pyproject.toml."""
    carried: list[Carried]
    recipes: str


def propose(service: Service, template: Template, *, to: str = "", leave_out: str = "") -> Proposal:
    """Commit an update to a version, by default the newest, on a branch of its own.

    Conflicts are committed with their markers, for people to resolve on the branch. The changes
    below the folder `leave_out` are not committed: the text carries them as a patch.
    """
    branch = branches.name(service, template, to)
    service.require_clean()
    _switch(service, branch)
    made = update(service, template, to=to)
    patch = _take_back(service, made, leave_out) if leave_out else ""
    if patch:
        made = _without(made, leave_out)
    locked = _lock(service, made)
    _commit(service, made)
    body = report.pull_request(made, patch=patch, left_out=leave_out, lock=locked)
    return Proposal(branch, body, made.conflicts, locked, made.carried, made.recipes)


def _switch(service: Service, branch: str) -> None:
    if git.run(service.folder, "switch", "--quiet", "--create", branch).returncode:
        raise FleetError(
            f"The branch {branch} cannot be made in {service.folder}. "
            f"If it is there from an earlier run: `git branch --delete --force {branch}`."
        )


def _take_back(service: Service, made: Update, folder: str) -> str:
    """Take a folder's changes back. Returns what the template changed there, for `git apply`."""
    renders = (made.renders.old, made.renders.new)
    patch = git.git(service.folder, "diff", "--relative", *renders, "--", folder)
    git.git(service.folder, "reset", "--quiet", "HEAD", "--", folder)
    git.run(service.folder, "checkout", "--quiet", "HEAD", "--", folder)
    git.git(service.folder, "clean", "--quiet", "--force", "-d", "--", folder)
    return patch


def _without(made: Update, folder: str) -> Update:
    def outside(path: str) -> bool:
        return not path.startswith(f"{folder.rstrip('/')}/")

    changed = {owner: list(filter(outside, paths)) for owner, paths in made.changed.items()}
    conflicts = {path: why for path, why in made.conflicts.items() if outside(path)}
    carried = [file for file in made.carried if outside(file.path)]
    return replace(made, changed=changed, conflicts=conflicts, carried=carried)


def _lock(service: Service, made: Update) -> bool:
    """Whether uv.lock fits pyproject.toml again. It cannot while that has conflicts."""
    if not (service.folder / "uv.lock").exists():
        return True
    if "pyproject.toml" in made.conflicts:
        return False
    uv = os.environ.get("UV", "uv")  # uv names itself to what it runs
    command = [uv, "lock", "--quiet"]
    return subprocess.run(command, cwd=service.folder, check=False).returncode == 0


def _commit(service: Service, made: Update) -> None:
    trailers = [
        f"--trailer={branches.CONFLICT}: {path}: {why}" for path, why in made.conflicts.items()
    ]
    told = report.told(made)
    message = ("-m", report.subject(made), *(("-m", told) if told else ()), *trailers)
    git.git(service.folder, "add", "--all", ".")
    git.git(service.folder, "commit", "--no-verify", "--quiet", *message, **identity(service))


def identity(service: Service) -> dict[str, str]:
    """The user's own where git knows one."""
    known = git.run(service.folder, "config", "user.email").returncode == 0
    return {} if known else IDENTITY
