"""Commits an update of one service on a branch of its own, without a working tree.

The service's working tree, index and checked-out branch are never touched. An existing branch is
never rewritten, so an interrupted run continues where it stopped. Trailers of the commit record
conflicts, failed checks and files left deleted, since not every conflict leaves markers in a file.
They count while their commit is the branch's last: a later commit has resolved them.
"""

import hashlib
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

import yaml

from fleet import git, pull_request
from fleet.errors import FleetError
from fleet.export import lock, run_check
from fleet.presets import combined
from fleet.repository import Repository
from fleet.rewriting.files import Carried
from fleet.service import ANSWERS_FILE, LARGEST, Service
from fleet.template import Template
from fleet.three_way import OLD, branch_of_render
from fleet.update import Update, changes, make_update, write_tree

CONFLICT = "Template-Conflict"
FAILURE = "Template-Checks-Failed"
DELETED = "Template-Left-Deleted"
MARKERS = "^(<{7}|>{7}) "
NOBODY = {"name": "Template update", "email": "template-update@localhost"}
ODD = re.compile(r"[^\w./@+-]|\.{2,}|/\.|\.lock(?=/|$)|\.(?=/|$)|@\{|^-")


class Outcome(StrEnum):
    """The outcomes of an update, best first."""

    UP_TO_DATE = "up to date"
    UPDATED = "updated"
    CHECKS_FAILED = "checks failed"
    CONFLICTS = "conflicts"
    REFUSED = "refused"


@dataclass(frozen=True)
class Result:
    """What became of one service; `--json` prints these fields."""

    path: str
    name: str
    outcome: Outcome
    before: str = ""
    after: str = ""
    branch: str = ""
    """The branch with the update; empty if there is none."""
    conflicts: dict[str, str] = field(default_factory=dict)
    """Why each path could not be merged."""
    left_deleted: list[str] = field(default_factory=list)
    """Files that the template changed and the service does not have any more."""
    note: str = ""
    """Why it was refused, how its checks failed, whether the branch already existed."""
    carried: list[Carried] = field(default_factory=list)
    """The service's files that use moved names: what was rewritten, and what is left."""
    recipes: str = ""
    """The manual steps."""
    files: dict[str, str] = field(default_factory=dict)
    """With `--dry-run`, what would become of each file."""
    patch: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class Request:
    """The options that apply to every service."""

    to: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
    """Answers that override the recorded ones,"""
    texts: Mapping[str, str] = field(default_factory=dict)
    """and those that override these, as they were typed."""
    check: str = ""
    """A shell command, run beside the service: the only code of a service that runs."""
    patches: Mapping[Path, Path] = field(default_factory=dict)
    """The patch file of each service, by the service's folder."""
    dry: bool = False
    """Whether nothing is to be committed."""
    leave_out: str = ""
    """A folder whose changes are not committed."""


@dataclass(frozen=True)
class Proposal:
    """An update, and the branch with it."""

    branch: str
    update: Update
    is_locked: bool
    """Whether uv.lock, if there is one, matches pyproject.toml."""
    failure: str
    """How the checks failed; empty if they passed or did not run."""


def update_branch(service: Service, template: Template, request: Request) -> Result:
    """Raises FleetError if the service cannot be updated, and leaves it untouched."""
    began = time.perf_counter()
    result = _updated(service, template, request)
    if result.branch and not request.dry and (patch := request.patches.get(service.folder)):
        _write_patch(service, result.branch, patch)
        result = replace(result, patch=str(patch))
    return replace(result, seconds=round(time.perf_counter() - began, 3))


def refused(folder: Path, error: FleetError) -> Result:
    return Result(str(folder), folder.resolve().name, Outcome.REFUSED, note=str(error))


def propose(service: Service, template: Template, request: Request) -> Proposal:
    """Commit an update on its branch: conflicts with their markers, for people to resolve.

    Raises FleetError if the branch exists or cannot be made.
    """
    branch = branch_name(service, template, request.to)
    repository = service.repository
    update = make_update(service, template, to=request.to, data=request.data)
    if request.leave_out:
        update = _without(update, repository, request.leave_out)
    update, is_locked = lock(repository, update)
    failure = ""
    if request.check and not update.conflicts:
        failure = run_check(repository, update, request.check)
    commit = _commit(repository, update, failure)
    repository.adopt(commit)
    _create(repository, branch, commit)
    return Proposal(branch, update, is_locked, failure)


def branch_name(service: Service, template: Template, to: str = "") -> str:
    """`template-update/<version>`; in a repository of several services, `<folder>/<version>`."""
    return f"{_start(service)}{template.describe(to or template.newest)}"


def _start(service: Service) -> str:
    """What the names of all its branches begin with."""
    folder = ODD.sub("-", service.prefix)
    if folder != service.prefix:  # two folders must not share a branch
        told = hashlib.sha256(service.prefix.encode(errors="surrogateescape")).hexdigest()[:8]
        folder = f"{folder.rstrip('/')}-{told}/"
    return f"template-update/{folder}"


def open_branches(service: Service, template: Template) -> list[str]:
    """The branches, here and on remotes, of updates that the service does not have yet."""
    repository, start = service.repository, _start(service)
    wanted = (f"refs/heads/{start}*", f"refs/remotes/*/{start}*")
    command = ("for-each-ref", "--format=%(refname)", "--no-merged", repository.head, *wanted)
    refs = repository.in_service(*command).split("\n")
    versions = {ref.partition(start)[2] for ref in refs if ref}
    missing = [version for version in versions if not _has(service, template, version)]
    return [f"{start}{version}" for version in sorted(missing)]


def _has(service: Service, template: Template, version: str) -> bool:
    """Whether a service is at a version or at a later one; not if there is no such version."""
    try:
        return template.precedes(version, service.version)
    except FleetError:
        return False


@dataclass(frozen=True)
class Branch:
    """A branch that exists, here or on a remote."""

    ref: str
    commit: str
    parents: str
    conflicts: dict[str, str]
    """Why each path could not be merged, as its last commit records it,"""
    failure: str
    """how the checks failed,"""
    left_deleted: list[str]
    """and which files the template changed that the service does not have any more."""


def find_branch(repository: Repository, branch: str) -> Branch | None:
    wanted = (f"refs/heads/{branch}", f"refs/remotes/*/{branch}")
    form = "--format=" + "%00".join(["%(refname)", "%(objectname)", "%(parent)", "%(contents)", ""])
    said = repository.in_service("for-each-ref", form, *wanted).split("\0")
    if len(said) < 5:
        return None
    ref, commit, parents, message = said[:4]
    pairs = (line.rpartition(": ") for line in _trailers(message, CONFLICT))
    recorded = {path: why for path, colon, why in pairs if colon}
    failure, deleted = "".join(_trailers(message, FAILURE)), _trailers(message, DELETED)
    return Branch(ref, commit, parents, recorded, failure, deleted)


def _trailers(message: str, key: str) -> list[str]:
    """Values in the last paragraph, as `git interpret-trailers` finds them."""
    last = message.rstrip().rpartition("\n\n")[2]
    start = f"{key}: "
    return [line.removeprefix(start) for line in last.split("\n") if line.startswith(start)]


def _updated(service: Service, template: Template, request: Request) -> Result:
    after = template.describe(request.to or template.newest)
    known = Result(str(service.folder), service.name, Outcome.UP_TO_DATE, service.version, after)
    data = combined(template, after, request.data, request.texts)
    request = replace(request, data=data, texts={})
    asked = {k: v for k, v in data.items() if service.answers.get(k) != v}
    if template.precedes(after, service.version) and not (asked and after == service.version):
        return known
    branch = branch_name(service, template, after)
    if found := find_branch(service.repository, branch):
        return _existing(service, replace(known, branch=branch), found)
    if request.dry:
        update = make_update(service, template, to=request.to, data=request.data)
        return replace(_told(known, update), files=foreseen(service.repository, update))
    try:
        proposal = propose(service, template, replace(request, to=after))
    except FleetError:
        if found := find_branch(service.repository, branch):  # another run was faster
            return _existing(service, replace(known, branch=branch), found)
        raise
    result = replace(_told(known, proposal.update), branch=branch)
    if proposal.failure:
        return replace(result, outcome=Outcome.CHECKS_FAILED, note=proposal.failure)
    note = "" if proposal.is_locked else "uv.lock is out of date: run `make lock` on the branch."
    return replace(result, note=note)


def _told(known: Result, update: Update) -> Result:
    return replace(
        known,
        outcome=Outcome.CONFLICTS if update.conflicts else Outcome.UPDATED,
        conflicts=update.conflicts,
        left_deleted=update.left_deleted,
        carried=update.carried,
        recipes=update.recipes,
    )


def foreseen(repository: Repository, update: Update) -> dict[str, str]:
    """What an update does to each file, and why."""
    ours = repository.files
    done = {
        path: "removed" if what is None else "changed" if path in ours else "added"
        for path, what in changes(repository, update.files).items()
    }
    for file in update.carried:
        if file.changes:
            done[file.path] = "rewritten for moved names"
    done |= dict.fromkeys(update.left_deleted, "changed in the template, still deleted here")
    done |= {path: f"conflict: {why}" for path, why in update.conflicts.items()}
    return dict(sorted(done.items()))


def _existing(service: Service, known: Result, branch: Branch) -> Result:
    """The result of a branch that exists, from an earlier run or edited since."""
    repository, name = service.repository, known.branch
    if _version(repository, branch) != known.after:
        raise FleetError(
            f"The branch {name} of {service.folder} does not have the update to {known.after}: "
            f"delete it with `git branch --delete --force {name}`, or rename it."
        )
    known = replace(known, left_deleted=branch.left_deleted)
    place = "The branch already exists"
    if not branch.ref.startswith("refs/heads/"):
        place += f" on {branch.ref.split('/')[2]}"
    is_untouched = branch.parents == repository.head
    marked = [] if is_untouched or branch.conflicts else _marked(repository, branch)
    conflicts = branch.conflicts or dict.fromkeys(marked, "has conflict markers")
    if conflicts:
        return replace(known, outcome=Outcome.CONFLICTS, conflicts=conflicts, note=f"{place}.")
    if not is_untouched and (clashing := _clashing(repository, branch)):
        why = dict.fromkeys(clashing, "changed since on both sides")
        note = f"{place}, but conflicts with what was committed since."
        return replace(known, outcome=Outcome.CONFLICTS, conflicts=why, note=note)
    if branch.failure:
        note = f"{branch.failure} ({place[0].lower()}{place[1:]})"
        return replace(known, outcome=Outcome.CHECKS_FAILED, note=note)
    return replace(known, outcome=Outcome.UPDATED, note=f"{place}.")


def _clashing(repository: Repository, branch: Branch) -> list[str]:
    """Paths that a merge of the branch into the service's commit could not merge."""
    pair = (repository.head, branch.commit)
    if not repository.run("merge-base", "--is-ancestor", *pair).returncode:
        return []
    command = ("merge-tree", "--write-tree", "--no-messages", "--name-only", "-z", *pair)
    done = repository.run(*command)
    return [path for path in done.stdout.split("\0")[1:] if path] if done.returncode == 1 else []


def _version(repository: Repository, branch: Branch) -> str:
    """The template's version in a branch's answers file; empty if it records none."""
    tree = f"{branch.commit}:{repository.prefix}" if repository.prefix else branch.commit
    try:
        [(path, entry)] = repository.entries(tree, ANSWERS_FILE).items()
        recorded = yaml.safe_load(repository.content(path, entry, LARGEST))
        return str(recorded["_commit"])
    except Exception:  # (a stranger's YAML: PyYAML raises what Python does)
        return ""


def _marked(repository: Repository, branch: Branch) -> list[str]:
    """Files of a branch that have conflict markers."""
    tree = f"{branch.commit}:{repository.prefix}" if repository.prefix else branch.commit
    theirs = repository.entries(tree)
    changed = [path for path, entry in theirs.items() if repository.files.get(path) != entry]
    texts = repository.blobs(theirs[path].blob for path in changed if theirs[path].is_file)
    pattern = re.compile(MARKERS.encode(), re.MULTILINE)
    return [
        path
        for path in changed
        if theirs[path].is_file and pattern.search(texts[theirs[path].blob])
    ]


def _without(update: Update, repository: Repository, folder: str) -> Update:
    """The update without the template's changes below a folder."""
    below = f"{folder.strip('/')}/"

    def outside(path: str) -> bool:
        return not path.startswith(below)

    ours = {path: entry for path, entry in repository.files.items() if not outside(path)}
    return replace(
        update,
        files={path: what for path, what in update.files.items() if outside(path)} | ours,
        stages={path: sides for path, sides in update.stages.items() if outside(path)},
        changed={owner: list(filter(outside, paths)) for owner, paths in update.changed.items()},
        conflicts={path: why for path, why in update.conflicts.items() if outside(path)},
        left_deleted=list(filter(outside, update.left_deleted)),
        carried=[file for file in update.carried if outside(file.path)],
    )


def left_out(repository: Repository, update: Update, folder: str) -> str:
    """The template's changes below a folder, for `git apply`."""
    below = f"{repository.prefix}{folder.strip('/')}"
    options = ("--no-ext-diff", "--no-textconv", "--no-color", "--binary", "-r", "-p")
    relative = (f"--relative={repository.prefix}",) if repository.prefix else ()
    renders = (OLD, branch_of_render(update.renders.version))
    return repository.output("diff-tree", *options, *relative, *renders, "--", below)


def _commit(repository: Repository, update: Update, failure: str) -> str:
    trailers = [f"{CONFLICT}: {path}: {why}" for path, why in update.conflicts.items()]
    trailers += [f"{FAILURE}: {failure}"] if failure else []
    trailers += [f"{DELETED}: {path}" for path in update.left_deleted]
    told = pull_request.told(update)
    parts = [pull_request.subject(update), told, "\n".join(map(git.one_line, trailers))]
    message = "\n\n".join(part for part in parts if part) + "\n"
    settings = repository.settings()
    asked = settings.pop("commit.gpgsign", "").lower()
    signed = ["-S"] if asked in {"true", "yes", "on", "1"} else []
    settings = {f"user.{key}": value for key, value in NOBODY.items()} | settings
    options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
    tree = write_tree(repository, update.files)
    command = (*options, "commit-tree", *signed, "-p", repository.head, "-F", "-", tree)
    return repository.output(*command, given=message.encode(errors="surrogateescape")).strip()


def _create(repository: Repository, branch: str, commit: str) -> None:
    """Put the branch in place, unless there is one."""
    nothing = "0" * len(commit)
    try:
        repository.in_service("update-ref", f"refs/heads/{branch}", commit, nothing)
    except FleetError as error:
        raise FleetError(
            f"The branch {branch} cannot be created in {repository.folder}. "
            f"If an earlier run left it there: `git branch --delete --force {branch}`. ({error})"
        ) from error


def _write_patch(service: Service, branch: str, file: Path) -> None:
    """Write the commits that the branch adds to the service's HEAD, for `git am`."""
    file.parent.mkdir(parents=True, exist_ok=True)
    found = find_branch(service.repository, branch)
    if not found:
        return
    span = f"{service.repository.head}..{found.commit}"
    text = service.repository.output("format-patch", "--stdout", span)
    file.write_text(text, encoding="utf-8", errors="surrogateescape")
