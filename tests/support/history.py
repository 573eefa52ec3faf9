"""The versions that services were made from: this repository's releases, and what they recorded."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from packaging.version import Version

from tests.support import edits, services

FOLDER = services.ROOT / "releases"
CANDIDATE = "v9999.0.0"
"""The tag of the working tree in the tests' clone: what the next release would be."""
NEWER = "v10000.0.0"
"""The tag of one version more, where a test wants one."""


@dataclass(frozen=True)
class Release:
    version: str
    commit: str
    presets: dict[str, dict[str, Any]]
    """Answers without copier's own, by the name of the preset."""


def releases(folder: Path = FOLDER) -> list[Release]:
    """All releases, the oldest first, without one that is being prepared: it has no commit yet."""
    versions = sorted((path.parent.name for path in folder.glob("*/defaults.yml")), key=Version)
    found = [
        Release(version, commit_of(folder / version), presets(folder / version))
        for version in versions
    ]
    return [release for release in found if release.commit]


def commit_of(folder: Path) -> str:
    """The commit that a release declares, else the one that added its folder."""
    declared = folder / "commit"
    if declared.exists():
        return declared.read_text().strip()
    added = ("log", "--diff-filter=A", "--format=%H", "--", f"{folder}/defaults.yml")
    return services.git(folder, *added).strip()


def presets(folder: Path) -> dict[str, dict[str, Any]]:
    return {file.stem: answers_in(file) for file in sorted(folder.glob("*.yml"))}


def answers_in(file: Path) -> dict[str, Any]:
    recorded: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return {name: value for name, value in recorded.items() if not name.startswith("_")}


def clone(destination: Path) -> Path:
    """This repository with all its history, releases tagged, the working tree as the newest one."""
    services.git(services.ROOT, "clone", "--quiet", "--no-tags", ".", str(destination))
    services.git(destination, "rm", "--quiet", "-r", ".")
    services.snapshot(destination)
    for version, commit in [(release.version, release.commit) for release in releases()] + [
        (CANDIDATE, "HEAD")
    ]:
        services.git(destination, "tag", "--annotate", "--message", version, version, commit)
    return destination


def once_more(releases: Path, destination: Path) -> Path:
    """The template with one version more, which changes a file of each owner."""
    shutil.copytree(releases, destination)
    for path, old, new in (
        ("Makefile.jinja", "# `make` lists", "# Newer: `make` lists"),
        ("app/main.py", '"""The service.', '"""Our service.'),
        ("README.md.jinja", "where additions to others belong.\n", "where yours belong.\n"),
        ("app/items/service.py", '"""What one can do', '"""What you can do'),
    ):
        edits.replace(destination / "template" / path, old, new)
    services.commit(destination, "Newer")
    services.git(destination, "tag", "--annotate", "--message", NEWER, NEWER)
    return destination
