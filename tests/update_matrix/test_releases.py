"""What was released stays: its answers are accepted, its commit is in the history."""

import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from jinja2 import Environment, StrictUndefined

from fleet import changelog
from tests.support import history, services
from tests.support.edits import EDITS

CHANGELOG = services.ROOT / "CHANGELOG.md"
RELEASES = history.releases()
RECORDED = [
    pytest.param(answers, id=f"{release.version}-{name}")
    for release in RELEASES
    for name, answers in release.presets.items()
]


def released(text: str) -> list[str]:
    """The versions that a changelog has a section for, the newest first."""
    return re.findall(r"^## \[(\d+\.\d+\.\d+)\] - \d{4}-\d\d-\d\d$", text, re.MULTILINE)


@pytest.mark.parametrize("answers", RECORDED)
def test_recorded_answers_are_accepted_as_they_are(
    questions: Path, tmp_path: Path, answers: dict[str, Any]
) -> None:
    service = services.render(questions, tmp_path / "another-folder", **answers)

    now = history.answers_in(service / ".copier-answers.yml")
    assert {name: now[name] for name in answers} == answers


@pytest.mark.parametrize("answers", RECORDED)
def test_what_is_left_out_is_known_from_the_answers_of_every_release(
    answers: dict[str, Any],
) -> None:
    """`copier update` asks for it with the answers of the old version alone."""
    configuration = yaml.safe_load((services.ROOT / "copier.yml").read_text())
    environment = Environment(undefined=StrictUndefined)

    for pattern in configuration["_exclude"]:
        environment.from_string(pattern).render(**answers, _copier_operation="update")


def test_every_release_is_in_the_history_and_the_tags_point_at_it() -> None:
    tags = services.git(services.ROOT, "tag", "--list", "v*").split()
    commits = {release.version: release.commit for release in RELEASES}

    tagged = {tag: services.git(services.ROOT, "rev-parse", f"{tag}^{{}}").strip() for tag in tags}

    assert {version: commits.get(version) for version in tagged} == tagged
    for commit in commits.values():
        services.git(services.ROOT, "merge-base", "--is-ancestor", commit, "HEAD")


def test_releases_changelog_and_package_tell_the_same_versions() -> None:
    folders = [path.parent.name for path in history.FOLDER.glob("*/defaults.yml")]
    package = tomllib.loads((services.ROOT / "pyproject.toml").read_text())["project"]["version"]

    in_changelog = released(CHANGELOG.read_text())

    assert sorted(folders) == sorted(f"v{version}" for version in in_changelog)
    assert package == in_changelog[0]


def test_the_changelog_has_something_unreleased_first_and_no_empty_section() -> None:
    sections = changelog.sections(CHANGELOG.read_text())

    assert next(iter(sections)) == "[Unreleased]"
    assert [heading for heading, text in list(sections.items())[1:] if not text] == []


@pytest.fixture
def repository(template: Path, tmp_path: Path) -> Path:
    """This repository with something that is not released."""
    copy = Path(shutil.copytree(template, tmp_path / "repository"))
    text = (copy / "CHANGELOG.md").read_text()
    text = re.sub(
        r"## \[Unreleased\]\n.*?(?=## \[)", "## [Unreleased]\n\n- More.\n\n", text, flags=re.DOTALL
    )
    (copy / "CHANGELOG.md").write_text(text)
    services.commit(copy, "More")
    return copy


Prepare = Callable[[str], subprocess.CompletedProcess[str]]


@pytest.fixture
def prepare(repository: Path) -> Prepare:
    def prepare(version: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "releases/prepare.py", version]
        return subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)

    return prepare


@pytest.mark.slow
def test_a_release_is_prepared_in_the_working_tree(repository: Path, prepare: Prepare) -> None:
    before = (repository / "CHANGELOG.md").read_text()

    run = prepare("99.1.0")

    assert (run.returncode, run.stderr) == (0, "")
    newest = changelog.sections((repository / "CHANGELOG.md").read_text())
    [unreleased, heading, *_] = newest
    assert (unreleased, newest[unreleased], newest[heading]) == ("[Unreleased]", "", "- More.")
    assert re.fullmatch(r"\[99\.1\.0\] - \d{4}-\d\d-\d\d", heading)
    assert changelog.sections(before)["[Unreleased]"] == "- More."
    assert 'version = "99.1.0"\n' in (repository / "pyproject.toml").read_text()
    assert history.presets(repository / "releases/v99.1.0").keys() == RELEASES[-1].presets.keys()
    for name, answers in RELEASES[-1].presets.items():
        recorded = history.presets(repository / "releases/v99.1.0")[name]
        assert {question: recorded[question] for question in answers} == answers


@pytest.mark.slow
@pytest.mark.parametrize(
    ("version", "sentence"),
    [
        ("1.2", '"1.2" is not a version: write MAJOR.MINOR.PATCH, such as 1.2.0.'),
        ("0.1.0", "0.1.0 is not newer than the last release, "),
    ],
)
def test_a_version_that_is_none_or_too_old_is_refused(
    repository: Path, prepare: Prepare, version: str, sentence: str
) -> None:
    run = prepare(version)

    assert run.returncode == 1
    assert run.stderr.startswith(sentence)
    assert services.git(repository, "status", "--porcelain") == ""


@pytest.mark.slow
def test_nothing_new_is_no_release(repository: Path, prepare: Prepare) -> None:
    changed = (repository / "CHANGELOG.md").read_text().replace("- More.\n\n", "")
    (repository / "CHANGELOG.md").write_text(changed)
    services.commit(repository, "Less")

    run = prepare("99.1.0")

    assert (run.returncode, run.stderr) == (
        1,
        "There is nothing to release: CHANGELOG.md has no text below [Unreleased].\n",
    )


def test_the_page_of_tested_updates_has_every_release_but_perhaps_the_newest() -> None:
    lines = (services.ROOT / "docs/updates.md").read_text().splitlines()
    table = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if "|" in line]

    told = RELEASES[: len(table[0]) - 1]

    assert len(told) >= len(RELEASES) - 1  # that one's own update can be tried after it is made
    assert table[0] == ["what a person did", *(release.version for release in told)]
    all_pass = [f"{len(release.presets)} of {len(release.presets)}" for release in told]
    assert table[2:] == [[edit.__name__.replace("_", " "), *all_pass] for edit in EDITS]
