"""The releases and their commits."""

import subprocess
from pathlib import Path

from packaging.version import Version


def last_release(root: Path) -> str:
    """The commit of the newest release: as recorded, or the one that added its folder."""
    commits = (_commit(root, folder) for folder in _releases(root))
    return next(filter(None, commits))


def prepared(root: Path) -> list[Path]:
    """The folders of releases that have no commit yet."""
    return [folder for folder in _releases(root) if not _commit(root, folder)]


def git(root: Path, *arguments: str) -> str:
    command = ["git", "-c", "core.quotePath=false", *arguments]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout


def _releases(root: Path) -> list[Path]:
    """The releases' folders, newest first."""
    folders = root.glob("releases/v*/")
    return sorted(folders, key=lambda folder: Version(folder.name), reverse=True)


def _commit(root: Path, folder: Path) -> str:
    if (folder / "commit").exists():
        return (folder / "commit").read_text().strip()
    added = ("log", "--diff-filter=A", "--format=%H", "--", f"{folder}/defaults.yml")
    return git(root, *added).strip()
