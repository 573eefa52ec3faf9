"""Formats what was rewritten by the service's own settings. Ruff reads them and runs no code."""

import json
import subprocess
from collections.abc import Collection
from pathlib import Path

from ruff import find_ruff_bin

SORT = ("check", "--select", "I")
UNUSED = ("check", "--select", "F401")
OWN = ("--config", 'lint.isort.known-first-party=["app", "tests"]')
"""Where the files are without the packages that they import."""
FORMAT = ("format",)
ALWAYS = ("--quiet", "--no-cache", "--force-exclude")


def sorted_files(folder: Path, paths: Collection[str]) -> frozenset[str]:
    """Those whose imports are sorted; none where the settings are not valid."""
    if not paths:
        return frozenset()
    found = _run(folder, *SORT, "--no-fix", "--output-format", "json", *ALWAYS, "--", *paths)
    if found.returncode > 1:
        return frozenset()
    others = {Path(fault["filename"]).resolve() for fault in json.loads(found.stdout)}
    return frozenset(path for path in paths if (folder / path).resolve() not in others)


def sort_imports(folder: Path, paths: Collection[str]) -> None:
    if paths:
        _run(folder, *SORT, "--fix", *ALWAYS, "--", *paths)


def prune_imports(folder: Path, paths: Collection[str]) -> None:
    """Remove the imports that nothing uses, and sort the others."""
    _run(folder, *UNUSED, "--fix", *ALWAYS, "--", *paths)
    _run(folder, *SORT, *OWN, "--fix", *ALWAYS, "--", *paths)


def reformat(folder: Path, paths: Collection[str]) -> None:
    if paths:
        _run(folder, *FORMAT, *ALWAYS, "--", *paths)


def _run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """With a ruff of ours, never the service's own."""
    command = [find_ruff_bin(), *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
