"""A template's repository, cloned once with all its versions."""

import fcntl
import hashlib
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path
from subprocess import CompletedProcess
from tempfile import TemporaryDirectory, mkdtemp
from typing import Any

from packaging.version import InvalidVersion, Version

from fleet import git
from fleet.addresses import url
from fleet.errors import FleetError
from fleet.ownership import Ownership
from fleet.plain import File, Plain, Wanted, everything
from fleet.questions import Questions
from fleet.repository import LARGEST, MODULE, Repository
from fleet.service import ANSWERS_FILE
from fleet.three_way import CRLF

NO_REDIRECT = ("-c", "http.followRedirects=false")
REDIRECTED = re.compile(r"returned error: 3\d\d")


@contextmanager
def open_template(address: str) -> Iterator["Template"]:
    """A clone that exists until the block ends. Raises FleetError if git cannot clone."""
    with TemporaryDirectory(prefix="template-") as folder:
        yield _cloned(address, Path(folder))


def shared_template(place: Path, address: str, *, is_named: bool = False) -> "Template":
    """A clone for all processes that share a folder: the first one makes it. An address that only
    a service named may not redirect: a public host could send us on to an inner one."""
    folder = place / hashlib.sha256(address.encode(errors="surrogateescape")).hexdigest()
    failure = folder / "failure"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if failure.exists():
            raise FleetError(failure.read_text())
        if (folder / "clone").exists():
            return Template(address, folder / "clone")
        try:
            return _cloned(address, folder, () if is_named else NO_REDIRECT)
        except FleetError as error:
            failure.write_text(str(error))
            raise


def _cloned(address: str, folder: Path, options: Sequence[str] = ()) -> "Template":
    """Atomic, by renaming: a process may be killed while it clones."""
    command = (
        *options,
        "clone",
        "--quiet",
        "--no-checkout",
        "--template=",
        "--",
        url(address),
        "cloning",
    )
    shutil.rmtree(folder / "cloning", ignore_errors=True)
    cloned = git.run(folder, *command)
    if cloned.returncode:
        if options and REDIRECTED.search(cloned.stderr):
            raise FleetError(
                f"The template {address} redirects to another address: if you trust where it "
                f"leads, name it with --template {address}."
            )
        said = git.said(cloned.stderr)
        raise FleetError(f"The template {address} cannot be cloned; git says: {said}")
    (folder / "cloning").rename(folder / "clone")
    return Template(address, folder / "clone")


@dataclass(frozen=True)
class Template:
    address: str
    clone: Path

    @property
    def objects(self) -> Path:
        return self.clone / ".git/objects"

    @cached_property
    def versions(self) -> list[str]:
        """The released versions, oldest first: the tags that PEP 440 accepts, as in copier."""
        tags = [(_version(tag), tag) for tag in _ask(self.clone, "tag").stdout.split()]
        return [tag for version, tag in sorted((v, t) for v, t in tags if v)]

    @cached_property
    def newest(self) -> str:
        """The newest final release; without one, the newest commit."""
        final = [tag for tag in self.versions if not Version(tag).is_prerelease]
        return final[-1] if final else self.describe("HEAD")

    def describe(self, version: str) -> str:
        """A version as copier records it: its tag, or the nearest tag and the commit."""
        commit = self.commit(version)
        return _ask(self.clone, "describe", "--tags", "--always", commit).stdout.strip() or commit

    def commit(self, version: str) -> str:
        """The commit of a tag, branch or commit. Raises FleetError if there is none."""
        for name in (version, f"origin/{version}"):
            found = _ask(self.clone, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
            if not found.returncode:
                return found.stdout.strip()
        known = ", ".join(self.versions[-3:]) or "it has no releases"
        raise FleetError(
            f"The template {self.address} has no version {version} (its newest: {known})."
        )

    def precedes(self, version: str, other: str) -> bool:
        """Whether a version is the other one, its ancestor or a release with a lower number, as
        releases of a maintenance branch are."""
        pair = (self.commit(version), self.commit(other))
        if not _ask(self.clone, "merge-base", "--is-ancestor", *pair).returncode:
            return True
        numbers = [_version(self.describe(each)) for each in (version, other)]
        return bool(numbers[0] and numbers[1] and numbers[0] < numbers[1])

    def read(self, version: str, path: str) -> str:
        """The text of a file in the template's repository; empty if there is no such file."""
        plain = self.plain(version)
        file = plain.folder / path
        if path not in plain.files or plain.files[path].is_link:
            return ""
        if file.stat().st_size > LARGEST:
            raise FleetError(f"{path} of version {version} of the template is too large to read.")
        return file.read_text(encoding="utf-8", errors="replace")

    def paths(self, version: str, folder: str) -> list[str]:
        """The paths of all files below a folder of the template's repository, sorted."""
        return sorted(path for path in self.plain(version).files if path.startswith(f"{folder}/"))

    def questions(self, version: str) -> Questions:
        return Questions.parse(version, self.read(version, "copier.yml"))

    def ownership(self, version: str) -> Ownership:
        return Ownership.parse(self.read(version, "ownership.toml"))

    def plain(self, version: str) -> Plain:
        """A version's files in a folder beside the clone. Raises FleetError for a version whose
        links lead out of it, and for one with submodules."""
        return _plain(self, self.commit(version))

    def render(
        self, version: str, answers: Mapping[str, Any], name: str, wanted: Wanted = everything
    ) -> dict[str, File]:
        """The files that `copier copy` writes for these answers into a folder of that name, by
        path; see `fleet.copier_run`. Raises FleetError if the version refuses an answer or needs
        to run code."""
        from fleet import copier_run  # noqa: PLC0415 (it takes a second, and only workers render)

        files = copier_run.render(self.plain(version), answers, name, wanted)
        if wanted is everything and (ANSWERS_FILE not in files or files[ANSWERS_FILE].is_link):
            raise FleetError(
                f"Version {self.describe(version)} of the template writes no {ANSWERS_FILE}."
            )
        return files

    def lend(self, repository: Repository, files: Mapping[str, File]) -> dict[str, File]:
        """Rendered files whose blobs a service's repository can read."""
        if all(len(file.blob) in {0, len(repository.head)} for file in files.values()):
            repository.borrow(self.objects)
            return dict(files)
        contents = self.content(files)  # one has SHA-1 names, the other SHA-256
        return {path: File(file.mode, content=contents[path]) for path, file in files.items()}

    def content(self, files: Mapping[str, File]) -> dict[str, bytes]:
        """The bytes of rendered files; those of a link are its target."""
        blobs = {file.blob for file in files.values() if file.blob}
        found = {blob: git.blob(self.clone, blob) for blob in blobs}
        return {path: found.get(file.blob, file.content) for path, file in files.items()}


@cache
def _plain(template: Template, commit: str) -> Plain:
    description, folder = template.describe(commit), template.clone.with_name(commit)
    listed = git.output(template.clone, "ls-tree", "-r", "-z", commit)
    files = dict(_entries(listed))
    if modules := [path for path, file in files.items() if file.mode == MODULE]:
        raise FleetError(
            f"Version {description} of the template has submodules, which fleet does not fetch: "
            f"{', '.join(modules)}."
        )
    for path, file in files.items():
        if file.is_link:
            _require_inside(path, os.fsdecode(git.blob(template.clone, file.blob)), description)
    if not folder.is_dir():
        _check_out(template.clone, commit, folder)
    whole = {
        path: replace(file, blob="", content=content)
        for path, file in files.items()
        if not file.is_link and CRLF in (content := (folder / path).read_bytes())
    }
    return Plain(folder, files | whole, template.address, description, commit)


def _entries(listed: str) -> Iterator[tuple[str, File]]:
    for line in listed.split("\0"):
        about, _, path = line.partition("\t")
        if path:
            mode, _, blob = about.split()
            yield path, File(mode, blob)


def _require_inside(path: str, target: str, description: str) -> None:
    place = os.path.normpath(os.path.join(os.path.dirname(path), target))  # noqa: PTH118, PTH120
    if target.startswith("/") or place.split("/")[0] == "..":
        raise FleetError(
            f"Version {description} of the template has a link that leads out of it: "
            f"{path} -> {target}."
        )


def _check_out(clone: Path, commit: str, folder: Path) -> None:
    """Atomic, by renaming: another process may make the same folder at the same time."""
    scratch = Path(mkdtemp(dir=clone.parent))
    index = {"GIT_INDEX_FILE": str(scratch.with_suffix(".index"))}
    git.output(clone, "read-tree", commit, environment=index)
    git.output(clone, "checkout-index", "--all", f"--prefix={scratch}/", environment=index)
    with suppress(OSError):  # another process was first; this copy is removed with the clone
        scratch.rename(folder)


@cache
def _ask(clone: Path, *arguments: str) -> CompletedProcess[str]:
    """A git command in a clone, cached: clones do not change, and many services ask the same."""
    return git.run(clone, *arguments)


def _version(tag: str) -> Version | None:
    try:
        return Version(tag)
    except InvalidVersion:
        return None
