"""A service made from a template: its folder and what its commit records."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from fleet import git
from fleet.errors import FleetError
from fleet.repository import Repository, open_repository

ANSWERS_FILE, WAIVERS_FILE = ".copier-answers.yml", ".template-waivers.toml"
LARGEST = 1 << 20
MOST_VALUES = 10_000


@dataclass(frozen=True)
class Service:
    """The template's `address` and `version` as recorded; `answers` without copier's own keys."""

    repository: Repository
    address: str
    version: str
    answers: dict[str, Any]

    @property
    def folder(self) -> Path:
        return self.repository.folder

    @property
    def name(self) -> str:
        return str(self.answers.get("service_name", self.folder.resolve().name))

    @property
    def prefix(self) -> str:
        return self.repository.prefix


@contextmanager
def open_service(folder: Path) -> Iterator[Service]:
    """A service as it is committed, until the block ends. Raises FleetError unless the folder is
    a service in a repository."""
    require_folder(folder)
    with open_repository(folder) as repository:
        repository.prefetch((ANSWERS_FILE, WAIVERS_FILE), LARGEST)
        recorded = _recorded(repository)
        answers = {
            name: value
            for name, value in recorded.items()
            if isinstance(name, str) and not name.startswith("_")
        }
        address = _absolute(str(recorded["_src_path"]), folder)
        yield Service(repository, address, str(recorded["_commit"]), answers)


def require_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise FleetError(f"There is no folder {folder}.")


def require_clean(folder: Path) -> None:
    """Raises FleetError if a folder has uncommitted changes."""
    status = git.as_person(folder, "status", "--porcelain", "--", ".")
    if status.returncode:
        raise FleetError(f"`git status` failed in {folder}: {git.said(status.stderr)}")
    if lines := status.stdout.splitlines():
        named = ", ".join(line[3:] for line in lines[:3])
        more = f" and {len(lines) - 3} more" if len(lines) > 3 else ""
        raise FleetError(
            f"{folder} has uncommitted changes ({named}{more}): commit or stash them first."
        )


def _recorded(repository: Repository) -> dict[str, Any]:
    file, entry = repository.folder / ANSWERS_FILE, repository.files.get(ANSWERS_FILE)
    if not entry:
        why = (
            f"is not committed: commit {ANSWERS_FILE} first"
            if file.is_file()
            else "it was not made by `copier copy`"
        )
        raise FleetError(f"{repository.folder} has no {ANSWERS_FILE}: {why}.")
    try:
        recorded = yaml.safe_load(repository.content(ANSWERS_FILE, entry, LARGEST).decode())
    except FleetError:
        raise
    except Exception as error:  # a stranger's YAML: PyYAML raises what Python does
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise FleetError(f"{file} is not valid YAML: {reason}.") from error
    if not isinstance(recorded, dict):
        raise FleetError(f"{file} has no answers.")
    if _size(recorded) > MOST_VALUES:
        raise FleetError(f"{file} has more than {MOST_VALUES} values.")
    for key in ("_src_path", "_commit"):
        if not recorded.get(key):
            raise FleetError(f"{file} does not record {key}: render the service from a repository.")
    return recorded


def _size(value: Any) -> int:
    """How many values there are when each alias is written out, counted up to the limit."""
    waiting, seen = [value], 0
    while waiting and seen <= MOST_VALUES:
        seen += 1
        one = waiting.pop()
        if isinstance(one, dict):
            waiting += [*one.keys(), *one.values()]
        elif isinstance(one, list | set | tuple):
            waiting += one
    return seen


def _absolute(address: str, folder: Path) -> str:
    """Copier records a path as it was typed: relative ones are relative to the service."""
    if address.startswith(("./", "../", "~/")) or address in {".", ".."}:
        return str((folder / Path(address).expanduser()).resolve())
    return address
