"""Formats what was rewritten by the service's own settings. Ruff reads them and runs no code."""

import subprocess
from pathlib import Path

from ruff import find_ruff_bin

SORT = ("check", "--select", "I")
FORMAT = ("format",)
ALWAYS = ("--quiet", "--no-cache", "--force-exclude")


def is_sorted(folder: Path, path: str) -> bool:
    return _succeeds(folder, *SORT, "--no-fix", *ALWAYS, path)


def is_formatted(folder: Path, path: str) -> bool:
    return _succeeds(folder, *FORMAT, "--check", *ALWAYS, path)


def sort_imports(folder: Path, path: str) -> None:
    _succeeds(folder, *SORT, "--fix", *ALWAYS, path)


def reformat(folder: Path, path: str) -> None:
    _succeeds(folder, *FORMAT, *ALWAYS, path)


def _succeeds(folder: Path, *arguments: str) -> bool:
    """With a ruff of ours, never the service's own; not where its settings are not valid."""
    command = [find_ruff_bin(), *arguments[:-1], "--", arguments[-1]]
    return subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode == 0
