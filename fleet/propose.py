"""Commits an update on its own branch and writes the pull request's text, for the scheduled job of
a service."""

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
    """The text of the pull request, in Markdown."""
    conflicts: dict[str, str]
    """Why each path could not be merged."""
    locked: bool
    """Whether uv.lock, if there is one, matches pyproject.toml."""
    carried: list[Carried]
    recipes: str


def propose(service: Service, template: Template, *, to: str = "", leave_out: str = "") -> Proposal:
    """Commit an update to a version, by default the newest, on its own branch.

    Conflicts are committed with their markers, for people to resolve on the branch. Changes below
    the folder `leave_out` are not committed: the text includes them as a patch.
    """
    branch = branches.name(service, template, to)
    service.require_clean()
    _switch(service, branch)
    made = update(service, template, to=to)
    patch = _revert(service, made, leave_out) if leave_out else ""
    if patch:
        made = _without(made, leave_out)
    locked = _lock(service, made)
    _commit(service, made)
    body = report.pull_request(made, patch=patch, left_out=leave_out, lock=locked)
    return Proposal(branch, body, made.conflicts, locked, made.carried, made.recipes)


def _switch(service: Service, branch: str) -> None:
    if git.run(service.folder, "switch", "--quiet", "--create", branch).returncode:
        raise FleetError(
            f"The branch {branch} cannot be created in {service.folder}. "
            f"If an earlier run left it there: `git branch --delete --force {branch}`."
        )


def _revert(service: Service, made: Update, folder: str) -> str:
    """Revert a folder. Returns the template's changes to it, for `git apply`."""
    renders = (made.renders.old, made.renders.new)
    patch = git.output(service.folder, "diff", "--relative", *renders, "--", folder)
    git.output(service.folder, "reset", "--quiet", "HEAD", "--", folder)
    git.run(service.folder, "checkout", "--quiet", "HEAD", "--", folder)
    git.output(service.folder, "clean", "--quiet", "--force", "-d", "--", folder)
    return patch


def _without(made: Update, folder: str) -> Update:
    def outside(path: str) -> bool:
        return not path.startswith(f"{folder.rstrip('/')}/")

    changed = {owner: list(filter(outside, paths)) for owner, paths in made.changed.items()}
    conflicts = {path: why for path, why in made.conflicts.items() if outside(path)}
    carried = [file for file in made.carried if outside(file.path)]
    return replace(made, changed=changed, conflicts=conflicts, carried=carried)


def _lock(service: Service, made: Update) -> bool:
    """Lock again. Returns whether uv.lock matches pyproject.toml, which fails with conflicts."""
    if not (service.folder / "uv.lock").exists():
        return True
    if "pyproject.toml" in made.conflicts:
        return False
    uv = os.environ.get("UV", "uv")  # uv sets this for the commands that it runs
    command = [uv, "lock", "--quiet", "--no-build"]
    return subprocess.run(command, cwd=service.folder, check=False).returncode == 0


def _commit(service: Service, made: Update) -> None:
    trailers = [
        f"--trailer={branches.CONFLICT}: {path}: {why}" for path, why in made.conflicts.items()
    ]
    told = report.told(made)
    message = ("-m", report.subject(made), *(("-m", told) if told else ()), *trailers)
    git.output(service.folder, "add", "--all", ".")
    git.output(
        service.folder, "commit", "--no-verify", "--quiet", *message, environment=identity(service)
    )


def identity(service: Service) -> dict[str, str]:
    """Empty if git knows the user: git's own settings then apply."""
    known = git.run(service.folder, "config", "user.email").returncode == 0
    return {} if known else IDENTITY
