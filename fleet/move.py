"""Brings one service of many forward: on a branch of its own, made in a temporary clone.

A service's working tree, index and checked-out branch are never touched. A branch that is there is
never written anew, so what was stopped half-way goes on where it was.
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
    """What became of a service, the best first."""

    UP_TO_DATE = "up to date"
    UPDATED = "updated"
    CHECKS_FAILED = "checks failed"
    CONFLICTS = "conflicts"
    REFUSED = "refused"


@dataclass(frozen=True)
class Move:
    """What became of one service; `--json` prints it as it is."""

    path: str
    name: str
    outcome: Outcome
    before: str = ""
    after: str = ""
    branch: str = ""
    """The branch with the update; empty where there is none."""
    conflicts: dict[str, str] = field(default_factory=dict)
    """Why each path could not be merged."""
    note: str = ""
    """Why it was refused, how its checks failed, whether the branch was there already."""
    carried: list[Carried] = field(default_factory=list)
    """Files that use what the template has moved: what was rewritten, and what is left."""
    recipes: str = ""
    """What is to be done by hand."""
    patch: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class Order:
    """What to do with every service."""

    to: str = ""
    check: str = ""
    """A command of the shell, run in the clone: the only code of a service that runs."""
    patches: dict[Path, Path] = field(default_factory=dict)
    """Where the patch of each service goes, by the service's folder."""


def move(service: Service, template: Template, order: Order) -> Move:
    """Raises FleetError, with the service untouched, for one that cannot be updated."""
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
        return _found(service, plan)
    with clones.clone(service) as clone:
        moved = _made(clone, template, order, plan)
        clones.fetch(service, clone, plan.branch)
    return moved


def _found(service: Service, plan: Move) -> Move:
    """What a branch tells that is there already: an earlier run's, or people's by now."""
    branch = plan.branch
    if branches.version(service, branch) != plan.after:
        raise FleetError(
            f"The branch {branch} of {service.folder} does not hold the update to {plan.after}: "
            f"`git branch --delete --force {branch}`, or rename it."
        )
    failure = branches.failure(service, branch)
    conflicts = branches.conflicts(service, branch)
    outcome = Outcome.CHECKS_FAILED if failure else Outcome.UPDATED
    outcome = Outcome.CONFLICTS if conflicts else outcome
    note = f"{failure} (the branch is there already)" if failure else "The branch is there already."
    return replace(plan, outcome=outcome, conflicts=conflicts, note=note)


def _made(clone: Service, template: Template, order: Order, plan: Move) -> Move:
    proposal = propose(clone, template, to=plan.after)
    plan = replace(plan, carried=proposal.carried, recipes=proposal.recipes)
    note = "" if proposal.locked else "uv.lock does not fit: run `make lock` on the branch."
    if proposal.conflicts:
        return replace(plan, outcome=Outcome.CONFLICTS, conflicts=proposal.conflicts, note=note)
    if order.check and (failure := _failure(clone, order.check)):
        amend = ("commit", "--quiet", "--amend", "--no-edit", "--no-verify")
        trailer = f"--trailer={branches.FAILURE}: {failure}"
        git.git(clone.folder, *amend, trailer, **identity(clone))
        return replace(plan, outcome=Outcome.CHECKS_FAILED, note=failure)
    return replace(plan, outcome=Outcome.UPDATED, note=note)


def _failure(clone: Service, command: str) -> str:
    """How the checks failed, with their last line; empty where they did not."""
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
    return f"`{command}` ended with {result.returncode}: {said}" if result.returncode else ""
