"""git as a function. Neither prompts nor translations: output is read by programs."""

import os
import subprocess
from pathlib import Path

from fleet.errors import FleetError


def run(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """What became of a git command, whether it succeeded or not."""
    return subprocess.run(
        ["git", *arguments],
        cwd=folder,
        env=os.environ | {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"} | environment,
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


def paths(folder: Path, *arguments: str) -> list[str]:
    """The paths that a git command prints when it is given -z, as they are."""
    return [path for path in git(folder, *arguments).split("\0") if path]
