"""A template's repository, cloned once with all its versions."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from subprocess import CompletedProcess
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from packaging.version import InvalidVersion, Version

from fleet import git, rendering
from fleet.errors import FleetError
from fleet.ownership import Ownership
from fleet.questions import Questions
from fleet.service import ANSWERS_FILE

SHORTHANDS = {"gh:": "https://github.com/", "gl:": "https://gitlab.com/", "git+": ""}


def url(address: str) -> str:
    """The address for git, with copier's shorthands expanded (copier's documentation,
    "Generating a template")."""
    for shorthand, meaning in SHORTHANDS.items():
        if address.startswith(shorthand):
            return meaning + address.removeprefix(shorthand)
    return address


@contextmanager
def open_template(address: str) -> Iterator["Template"]:
    """A clone that exists until the block ends. Raises FleetError if git cannot clone."""
    with TemporaryDirectory(prefix="template-") as folder:
        cloned = git.run(Path(folder), "clone", "--quiet", "--no-checkout", url(address), "clone")
        if cloned.returncode:
            said = (cloned.stderr.strip().splitlines() or ["nothing"])[-1]
            raise FleetError(f"The template {address} cannot be cloned; git says: {said}")
        yield Template(address, Path(folder) / "clone")


@dataclass(frozen=True)
class Template:
    address: str
    clone: Path

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
        return git.output(
            self.clone, "describe", "--tags", "--always", self.commit(version)
        ).strip()

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
        """Whether a version is the other one or its ancestor."""
        pair = (self.commit(version), self.commit(other))
        return not git.run(self.clone, "merge-base", "--is-ancestor", *pair).returncode

    def read(self, version: str, path: str) -> str:
        """The text of a file in the template's repository; empty if there is no such file."""
        return _ask(self.clone, "show", f"{self.commit(version)}:{path}").stdout

    def paths(self, version: str, folder: str) -> list[str]:
        """The paths of all files below a folder of the template's repository, sorted."""
        command = ("ls-tree", "-r", "-z", "--name-only", self.commit(version), f"{folder}/")
        return sorted(path for path in _ask(self.clone, *command).stdout.split("\0") if path)

    def questions(self, version: str) -> Questions:
        return Questions.parse(version, self.read(version, "copier.yml"))

    def ownership(self, version: str) -> Ownership:
        return Ownership.parse(self.read(version, "ownership.toml"))

    def render(
        self,
        version: str,
        answers: Mapping[str, Any],
        destination: Path,
        *,
        leave_out: Sequence[str] = (),
        source: Path | None = None,
    ) -> None:
        """Write a version's files for these answers, as `copier copy` does, but run none of the
        template's code. Files that match `leave_out` are not written. `source`, if given, is read
        instead of the clone: see `fleet.source`.

        Raises FleetError if the version refuses an answer or needs to run code.
        """
        rendering.run(
            source or self.clone,
            self.commit(version),
            answers,
            destination,
            version=version,
            leave_out=leave_out,
        )
        file = destination / ANSWERS_FILE
        if not file.is_file():
            raise FleetError(f"Version {version} of the template writes no {ANSWERS_FILE}.")
        text = file.read_text(encoding="utf-8")
        address = yaml.safe_dump({"_src_path": self.address}, allow_unicode=True, width=9999)
        recorded = re.sub(r"(?m)^_src_path: .*$", lambda _: address.strip(), text)
        file.write_text(recorded, encoding="utf-8")

    def try_out(self, version: str, answers: Mapping[str, Any], destination: Path) -> None:
        """Render without writing. Raises FleetError as `render` does."""
        commit = self.commit(version)
        rendering.run(self.clone, commit, answers, destination, version=version, pretend=True)


def files(render: Path) -> list[str]:
    """The paths of all files of a render, sorted."""
    found = (file for file in render.rglob("*") if file.is_file())
    return sorted(file.relative_to(render).as_posix() for file in found)


@cache
def _ask(clone: Path, *arguments: str) -> CompletedProcess[str]:
    """A git command in a clone, cached: clones do not change, and many services ask the same."""
    return git.run(clone, *arguments)


def _version(tag: str) -> Version | None:
    try:
        return Version(tag)
    except InvalidVersion:
        return None
