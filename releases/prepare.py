"""Prepares a release in the working tree: `make release VERSION=1.2.0`.

Gives the unreleased section of CHANGELOG.md its version and date, and records the answers of
`copier copy`. Review it, commit it, merge it: the release workflow tags the commit.
"""

import re
import sys
import warnings
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import copier
import yaml
from copier.errors import DirtyLocalWarning
from packaging.version import Version

from releases import guard

ROOT = Path(__file__).parents[1]
UNRELEASED = re.compile(r"^## \[Unreleased\]\n\n(?=\S)(?!## )", re.MULTILINE)


def prepare(version: str) -> None:
    if not re.fullmatch(r"\d+\.\d+\.\d+", version):
        sys.exit(f'"{version}" is not a version: write MAJOR.MINOR.PATCH, such as 1.2.0.')
    folders = sorted(ROOT.glob("releases/v*/"), key=lambda folder: Version(folder.name))
    if Version(folders[-1].name) >= Version(version):
        sys.exit(f"{version} is not newer than the last release, {folders[-1].name}.")
    if faults := guard.faults():
        sys.exit("\n".join(faults))
    _name_the_unreleased(version)
    _set_version(version)
    for preset in sorted(folders[-1].glob("*.yml")):
        _record(preset, ROOT / "releases" / f"v{version}" / preset.name)
    if (ROOT / guard.MOVES).exists():
        (ROOT / guard.MOVES).rename(ROOT / "releases" / f"v{version}" / "moves.toml")


def _name_the_unreleased(version: str) -> None:
    changelog = ROOT / "CHANGELOG.md"
    today = datetime.now(UTC).date()
    heading = f"## [Unreleased]\n\n## [{version}] - {today}\n\n"
    text, changed = UNRELEASED.subn(heading, changelog.read_text(encoding="utf-8"))
    if not changed:
        sys.exit("There is nothing to release: CHANGELOG.md has no text below [Unreleased].")
    changelog.write_text(text, encoding="utf-8")


def _set_version(version: str) -> None:
    pyproject = ROOT / "pyproject.toml"
    text = re.sub(r'(?m)^version = ".*"$', f'version = "{version}"', pyproject.read_text())
    pyproject.write_text(text, encoding="utf-8")


def _record(preset: Path, recorded: Path) -> None:
    """Write what copier now records for the last release's answers."""
    answers = yaml.safe_load(preset.read_text(encoding="utf-8"))
    data = {name: value for name, value in answers.items() if not name.startswith("_")}
    with TemporaryDirectory() as folder:
        copier.run_copy(
            str(ROOT), folder, data=data, vcs_ref="HEAD", defaults=True, overwrite=True, quiet=True
        )
        text = (Path(folder) / ".copier-answers.yml").read_text(encoding="utf-8")
    text = re.sub(r"(?m)^_commit: .*\n", f"_commit: {recorded.parent.name}\n", text)
    text = re.sub(r"(?m)^_src_path: .*\n", "", text)
    recorded.parent.mkdir(exist_ok=True)
    recorded.write_text(f"{text.rstrip()}\n", encoding="utf-8")


if __name__ == "__main__":
    warnings.simplefilter("ignore", DirtyLocalWarning)  # the release's files are uncommitted
    prepare(*sys.argv[1:2] or [""])
