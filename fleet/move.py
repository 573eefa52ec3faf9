"""Updates one service of many on its own branch, made in a temporary clone.

The service's working tree, index and checked-out branch are never touched. An existing branch is
never rewritten, so an interrupted run continues where it stopped.
"""

import subprocess
import time
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path

from fleet import branches, clones, git
from fleet.errors import FleetError
from fleet.propose import identity, propose
from fleet.rewriting.files import Carried
from fleet.service import Service
from fleet.template import Template


class Outcome(StrEnum):
    """The outcomes of an update, best first."""

    UP_TO_DATE = "up to date"
    UPDATED = "updated"
    CHECKS_FAILED = "checks failed"
    CONFLICTS = "conflicts"
    REFUSED = "refused"


@dataclass(frozen=True)
class Move:
    """The result for one service; `--json` prints these fields."""

    path: str
    name: str
    outcome: Outcome
    before: str = ""
    after: str = ""
    branch: str = ""
    """The branch with the update; empty if there is none."""
    conflicts: dict[str, str] = field(default_factory=dict)
    """Why each path could not be merged."""
    note: str = ""
    """Why it was refused, how its checks failed, whether the branch already existed."""
    carried: list[Carried] = field(default_factory=list)
    """The service's files that use moved names: what was rewritten, and what is left."""
    recipes: str = ""
    """The manual steps."""
    patch: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class Order:
    """The options that apply to every service."""

    to: str = ""
    check: str = ""
    """A shell command, run in the clone: the only code of a service that runs."""
    patches: dict[Path, Path] = field(default_factory=dict)
    """The patch file of each service, by the service's folder."""


def move(service: Service, template: Template, order: Order) -> Move:
    """Raises FleetError if the service cannot be updated, and leaves it untouched."""
    began = time.perf_counter()
    try:
        moved = _move(service, template, order)
        if moved.branch and (patch := order.patches.get(service.folder)):
            branches.write_patch(service, moved.branch, patch)
            moved = replace(moved, patch=str(patch))
    except (OSError, UnicodeError) as error:
        raise FleetError(f"{service.folder} cannot be updated: {error}.") from error
    return replace(moved, seconds=round(time.perf_counter() - began, 3))


def refused(folder: Path, reason: str) -> Move:
    return Move(str(folder), folder.resolve().name, Outcome.REFUSED, note=reason)


def _move(service: Service, template: Template, order: Order) -> Move:
    service.require_clean()
    path, before = str(service.folder), service.version
    after = template.describe(order.to or template.newest)
    plan = Move(path, service.name, Outcome.UP_TO_DATE, before=before, after=after)
    if template.precedes(after, before):
        return plan
    plan = replace(plan, branch=branches.name(service, template, after))
    if branches.exists(service, plan.branch):
        return _existing(service, plan)
    with clones.clone(service) as clone:
        moved = _make_branch(clone, template, order, plan)
        clones.fetch(service, clone, plan.branch)
    return moved


def _existing(service: Service, plan: Move) -> Move:
    """The result of a branch that exists, from an earlier run or edited since."""
    branch = plan.branch
    if branches.version(service, branch) != plan.after:
        raise FleetError(
            f"The branch {branch} of {service.folder} does not have the update to {plan.after}: "
            f"delete it with `git branch --delete --force {branch}`, or rename it."
        )
    failure = branches.failure(service, branch)
    conflicts = branches.conflicts(service, branch)
    outcome = Outcome.CHECKS_FAILED if failure else Outcome.UPDATED
    outcome = Outcome.CONFLICTS if conflicts else outcome
    note = f"{failure} (the branch already exists)" if failure else "The branch already exists."
    return replace(plan, outcome=outcome, conflicts=conflicts, note=note)


def _make_branch(clone: Service, template: Template, order: Order, plan: Move) -> Move:
    proposal = propose(clone, template, to=plan.after)
    plan = replace(plan, carried=proposal.carried, recipes=proposal.recipes)
    note = "" if proposal.locked else "uv.lock is out of date: run `make lock` on the branch."
    if proposal.conflicts:
        return replace(plan, outcome=Outcome.CONFLICTS, conflicts=proposal.conflicts, note=note)
    if order.check and (failure := _failure(clone, order.check)):
        amend = ("commit", "--quiet", "--amend", "--no-edit", "--no-verify")
        trailer = f"--trailer={branches.FAILURE}: {failure}"
        git.output(clone.folder, *amend, trailer, environment=identity(clone))
        return replace(plan, outcome=Outcome.CHECKS_FAILED, note=failure)
    return replace(plan, outcome=Outcome.UPDATED, note=note)


def _failure(clone: Service, command: str) -> str:
    """How the checks failed, with their last line; empty if they passed."""
    result = subprocess.run(
        ["sh", "-c", command],
        cwd=clone.folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    said = (result.stdout.strip().splitlines() or ["nothing"])[-1].strip()[:200]
    return f"`{command}` exited with {result.returncode}: {said}" if result.returncode else ""
