"""A version's files in a plain folder, for fast renders of the template's own files.

copier clones a repository anew for each render, renders each file's path before it leaves the file
out, and calls git for each file that it writes. For 200 services that takes minutes. copier reads a
plain folder in place, and files that a service has unchanged need no render.
"""

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp

import yaml
from pathspec import GitIgnoreSpec

from fleet import git
from fleet.template import Template, files

# Variables by which a file reads the repository that it comes from.
ASKS_GIT = r"_copier_conf\.(vcs_ref|src_path)|_copier_answers(\.|\[)"
# Paths without Jinja and without special characters of .gitignore.
PLAIN = re.compile(r"[\w./-]+")


@dataclass(frozen=True)
class Source:
    folder: Path
    """The folder that copier reads."""
    root: Path | None = None
    """The folder inside it whose files make up a service; none if it is the repository itself."""
    suffix: str = ".jinja"

    def unchanged(self, service: Path) -> list[str]:
        """Patterns of files that copier copies verbatim and a service has unchanged."""
        if not self.root:
            return []
        copied = [path for path in files(self.root) if not self.is_rendered(path)]
        return [f"/{path}" for path in copied if _same(self.root / path, service / path)]

    def is_rendered(self, path: str) -> bool:
        return path.endswith(self.suffix) or not PLAIN.fullmatch(path)


@cache
def source(template: Template, version: str, unwanted: tuple[str, ...]) -> Source:
    """A folder beside the template's clone, made once for all processes, without the files that
    match `unwanted`. It is the clone itself if a plain folder would render differently."""
    commit, settings = template.commit(version), _settings(template, version)
    suffix = str(settings.get("_templates_suffix", ".jinja"))
    subdirectory = str(settings.get("_subdirectory", ""))
    if not (settings and suffix) or "{" in subdirectory or _needs_git(template.clone, commit):
        return Source(template.clone)
    folder = template.clone.with_name(commit)
    if not folder.is_dir():
        _make(template.clone, commit, subdirectory, suffix, unwanted)
    return Source(folder, folder / subdirectory, suffix)


def _settings(template: Template, version: str) -> dict[str, object]:
    """The settings in copier.yml; empty if only copier can read it."""
    try:
        read = yaml.safe_load(template.read(version, "copier.yml"))
    except yaml.YAMLError:
        return {}
    return read if isinstance(read, dict) else {}


def _needs_git(clone: Path, commit: str) -> bool:
    """Submodules are separate clones, and a file may print the version that it comes from."""
    submodules = git.run(clone, "cat-file", "-e", f"{commit}:.gitmodules")
    asks = ["grep", "--quiet", "--extended-regexp", ASKS_GIT, commit, "--", ":!/copier.y*ml"]
    return submodules.returncode == 0 or git.run(clone, *asks).returncode == 0


def _make(
    clone: Path, commit: str, subdirectory: str, suffix: str, unwanted: Sequence[str]
) -> None:
    """Atomic, by renaming: another process may make the same folder at the same time."""
    scratch = Path(mkdtemp(dir=clone.parent))
    with TemporaryDirectory(prefix="index-") as folder:
        index = {"GIT_INDEX_FILE": f"{folder}/index"}
        git.output(clone, "read-tree", commit, environment=index)
        git.output(clone, "checkout-index", "--all", f"--prefix={scratch}/", environment=index)
    spec = GitIgnoreSpec.from_lines(unwanted)
    for path in files(scratch / subdirectory):
        if PLAIN.fullmatch(path) and spec.match_file(path.removesuffix(suffix)):
            (scratch / subdirectory / path).unlink()
    with suppress(OSError):  # another process was first; this copy is removed with the clone
        scratch.rename(clone.with_name(commit))


def _same(file: Path, other: Path) -> bool:
    return other.is_file() and file.read_bytes() == other.read_bytes()
