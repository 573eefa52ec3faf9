"""git as a function, without prompts and translations: programs read its output.

Without optional locks either: `git status` leaves a service's index unchanged.
"""

import os
import subprocess
from pathlib import Path

from fleet.errors import FleetError

ALWAYS = {"GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}


def run(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a git command. Returns the result of a failed one too."""
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
    """The output of a git command. Raises FleetError with git's last line if it fails."""
    result = run(folder, *arguments, **environment)
    if result.returncode:
        said = result.stderr.strip().splitlines() or ["nothing"]
        raise FleetError(f"`git {arguments[0]}` failed in {folder}: {said[-1]}")
    return result.stdout


def root(folder: Path) -> str:
    """The root of the repository that contains a folder."""
    return git(folder, "rev-parse", "--show-toplevel").strip()


def paths(folder: Path, *arguments: str) -> list[str]:
    """The paths that a git command prints with -z, which quotes none."""
    return [path for path in git(folder, *arguments).split("\0") if path]
