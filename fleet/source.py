"""A version's files in a plain folder, for renders that only files of the template are wanted of.

copier clones a repository anew for each render, renders the path of each file before it leaves the
file out, and calls git for each file that it writes. Where 200 services are looked at, that takes
minutes. It reads a folder that is no repository as it is; and what a service has word for word as
the template has it needs no render.
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

# What files may ask copier about the repository that they come from.
ASKS_GIT = r"_copier_conf\.(vcs_ref|src_path)|_copier_answers(\.|\[)"
# Paths that are neither rendered nor special in a pattern of .gitignore.
PLAIN = re.compile(r"[\w./-]+")


@dataclass(frozen=True)
class Source:
    folder: Path
    """Where copier shall read from."""
    root: Path | None = None
    """The folder in it whose files make a service; none where it is the repository itself."""
    suffix: str = ".jinja"

    def unchanged(self, service: Path) -> list[str]:
        """Patterns for files that copier copies word for word, and that a service has so."""
        if not self.root:
            return []
        copied = [path for path in files(self.root) if not self.is_rendered(path)]
        return [f"/{path}" for path in copied if _same(self.root / path, service / path)]

    def is_rendered(self, path: str) -> bool:
        return path.endswith(self.suffix) or not PLAIN.fullmatch(path)


@cache
def source(template: Template, version: str, unwanted: tuple[str, ...]) -> Source:
    """A folder beside the template's clone, made once and used by all processes, without what fits
    the patterns. It is the clone itself where a plain folder would render otherwise."""
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
    """Those of copier.yml, empty for one that is written as only copier understands it."""
    try:
        read = yaml.safe_load(template.read(version, "copier.yml"))
    except yaml.YAMLError:
        return {}
    return read if isinstance(read, dict) else {}


def _needs_git(clone: Path, commit: str) -> bool:
    """Submodules are clones of their own; and a file may print the version that it is from."""
    submodules = git.run(clone, "cat-file", "-e", f"{commit}:.gitmodules")
    asks = ["grep", "--quiet", "--extended-regexp", ASKS_GIT, commit, "--", ":!/copier.y*ml"]
    return submodules.returncode == 0 or git.run(clone, *asks).returncode == 0


def _make(
    clone: Path, commit: str, subdirectory: str, suffix: str, unwanted: Sequence[str]
) -> None:
    """In one step, by renaming: another process may make the same folder at the same time."""
    scratch = Path(mkdtemp(dir=clone.parent))
    with TemporaryDirectory(prefix="index-") as folder:
        index = {"GIT_INDEX_FILE": f"{folder}/index"}
        git.git(clone, "read-tree", commit, **index)
        git.git(clone, "checkout-index", "--all", f"--prefix={scratch}/", **index)
    spec = GitIgnoreSpec.from_lines(unwanted)
    for path in files(scratch / subdirectory):
        if PLAIN.fullmatch(path) and spec.match_file(path.removesuffix(suffix)):
            (scratch / subdirectory / path).unlink()
    with suppress(OSError):  # made meanwhile: what is left over goes with the clone
        scratch.rename(clone.with_name(commit))


def _same(file: Path, other: Path) -> bool:
    return other.is_file() and file.read_bytes() == other.read_bytes()
