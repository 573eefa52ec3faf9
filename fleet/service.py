"""A service made from a template: its folder and what its answers file records."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from fleet import git
from fleet.errors import FleetError

ANSWERS_FILE = ".copier-answers.yml"


@dataclass(frozen=True)
class Service:
    """The template's `address` and `version` as recorded; `answers` without copier's own keys."""

    folder: Path
    address: str
    version: str
    answers: dict[str, Any]

    @classmethod
    def read(cls, folder: Path) -> "Service":
        """Raises FleetError unless the folder is a service in a repository."""
        require_repository(folder)
        recorded = _recorded(folder / ANSWERS_FILE)
        answers = {name: value for name, value in recorded.items() if not name.startswith("_")}
        return cls(folder, str(recorded["_src_path"]), str(recorded["_commit"]), answers)

    @property
    def name(self) -> str:
        return str(self.answers.get("service_name", self.folder.resolve().name))

    @property
    def prefix(self) -> str:
        """The folder's path inside its repository: empty, or with a trailing slash."""
        return git.output(self.folder, "rev-parse", "--show-prefix").strip()

    def require_clean(self) -> None:
        require_clean(self.folder)


def require_repository(folder: Path) -> None:
    """Raises FleetError unless the folder is in a repository."""
    if not folder.is_dir():
        raise FleetError(f"There is no folder {folder}.")
    found = git.run(folder, "rev-parse", "--git-dir")
    if found.returncode and "not a git repository" in found.stderr:
        raise FleetError(f"{folder} is not in a git repository: run `git init` and commit it.")
    if found.returncode:
        raise FleetError(f"git does not read the repository of {folder}: {git.said(found.stderr)}")


def require_clean(folder: Path) -> None:
    """Raises FleetError if a folder has uncommitted changes."""
    if lines := git.output(folder, "status", "--porcelain", "--", ".").splitlines():
        named = ", ".join(line[3:] for line in lines[:3])
        more = f" and {len(lines) - 3} more" if len(lines) > 3 else ""
        raise FleetError(
            f"{folder} has uncommitted changes ({named}{more}): commit or stash them first."
        )


def _recorded(file: Path) -> dict[str, Any]:
    try:
        recorded = yaml.safe_load(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise FleetError(
            f"{file.parent} has no {ANSWERS_FILE}: it was not made by `copier copy`."
        ) from error
    except OSError as error:
        raise FleetError(f"{file} cannot be read: {error.strerror}.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise FleetError(f"{file} is not valid YAML: {reason}.") from error
    if not isinstance(recorded, dict):
        raise FleetError(f"{file} has no answers.")
    for key in ("_src_path", "_commit"):
        if not recorded.get(key):
            raise FleetError(f"{file} does not record {key}: render the service from a repository.")
    return recorded
