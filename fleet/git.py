"""git as a function. Neither prompts nor translations: output is read by programs.

Nothing is locked that need not be: `git status` leaves the index of a service as it is.
"""

import os
import subprocess
from pathlib import Path

from fleet.errors import FleetError

ALWAYS = {"GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}


def run(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """What became of a git command, whether it succeeded or not."""
    return subprocess.run(
        ["git", *arguments],
        cwd=folder,
        env=os.environ | ALWAYS | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def git(folder: Path, *arguments: str, **environment: str) -> str:
    """What a git command prints. Raises FleetError with git's own words when it fails."""
    result = run(folder, *arguments, **environment)
    if result.returncode:
        said = result.stderr.strip().splitlines() or ["nothing"]
        raise FleetError(f"`git {arguments[0]}` failed in {folder}: {said[-1]}")
    return result.stdout


def root(folder: Path) -> str:
    """The top folder of the repository that a folder is in."""
    return git(folder, "rev-parse", "--show-toplevel").strip()


def paths(folder: Path, *arguments: str) -> list[str]:
    """The paths that a git command prints when it is given -z, as they are."""
    return [path for path in git(folder, *arguments).split("\0") if path]
