"""The workflow that releases this repository, run on a real origin."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support import ci_jobs, services
from tests.support.ci_jobs import Done
from tests.support.locked_server import locked_server
from tests.support.services import git

WORKFLOW = services.ROOT / ".github/workflows/release.yml"

CHANGELOG = """# Changelog

## [Unreleased]

- Not yet.

## [1.2.0] - 2026-11-22

### Added

- `lamps`, and "switches".

## [1.1.0] - 2026-10-01

- Old.

[1.2.0]: https://git.example/v1.2.0
"""
NOTES = '### Added\n\n- `lamps`, and "switches".\n'
PYPROJECT = '[project]\nname = "template"\nversion = "1.2.0"\nrequires-python = ">=3.11"\n'
MAKEFILE = "test:\n\t@test ! -e broken && touch ../tested\n"

GH = """#!/bin/sh
if [ "$1 $2" = "auth git-credential" ]; then
  printf 'username=x-access-token\\npassword=%s\\n' "$GH_TOKEN"
  exit
fi
printf '%s\\n' "$GH_TOKEN" "$@" > ../gh-arguments
cat > ../gh-notes
test ! -e ../refusing
"""


@dataclass(frozen=True)
class Repository:
    """A clone of a repository with a version that is not released yet."""

    folder: Path

    @property
    def origin(self) -> Path:
        return self.folder / "origin.git"

    def push(self, **files: str) -> str:
        """Commit the files (with `_` for the dot in their names) on origin's main branch."""
        author = self.folder / "author"
        for name, text in files.items():
            (author / name.replace("_", ".")).write_text(text)
        services.commit(author, "A change")
        git(author, "push", "--quiet", "origin", "main")
        return git(author, "rev-parse", "HEAD").strip()

    def run(self, name: str, *, server: str = "", **values: str) -> Done:
        """Run a job in a new clone, as GitHub would for a push; `server` is asked after that."""
        clone = self.folder / f"clone-{len(list(self.folder.iterdir()))}"
        git(self.folder, "clone", "--quiet", str(self.origin), str(clone))
        git(clone, "remote", "set-url", "origin", server or str(self.origin))
        commit = git(clone, "rev-parse", "HEAD").strip()
        variables = {"GITHUB_SHA": commit, "RUNNER_TEMP": str(self.folder)}
        environment = ci_jobs.clean(variables, self.folder / "bin")
        runner = ci_jobs.GithubJob(clone, environment, {"github.token": "the-jobs-token", **values})
        return runner.run(ci_jobs.load(WORKFLOW)["jobs"][name])

    def release(self) -> tuple[Done, Done]:
        """Run both jobs: the second one with the outputs of the first."""
        check = self.run("check")
        values = {f"needs.check.outputs.{name}": value for name, value in check.outputs.items()}
        return check, self.run("publish", **values)

    def tags(self) -> list[str]:
        """The tags of origin with their kind, and the commits that they name."""
        form = "--format=%(refname:short) %(objecttype) %(*objectname)"
        return git(self.origin, "for-each-ref", form, "refs/tags").splitlines()


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    git(tmp_path, "init", "--quiet", "--bare", str(tmp_path / "origin.git"))
    gh = tmp_path / "bin" / "gh"
    gh.parent.mkdir()
    gh.write_text(GH)
    gh.chmod(0o755)
    author = tmp_path / "author"
    (author / "releases/v1.2.0").mkdir(parents=True)
    (author / "releases/v1.2.0/answers.yml").write_text("ci: github\n")
    git(author, "init", "--quiet")
    git(author, "remote", "add", "origin", str(tmp_path / "origin.git"))
    repository = Repository(tmp_path)
    repository.push(CHANGELOG_md=CHANGELOG, pyproject_toml=PYPROJECT, Makefile=MAKEFILE)
    return repository


def test_a_new_version_is_tested_tagged_and_published_with_its_notes(
    repository: Repository,
) -> None:
    commit = git(repository.origin, "rev-parse", "main").strip()

    check, publish = repository.release()

    assert (check.code, publish.code) == (0, 0), check.printed + publish.printed
    assert check.outputs == {"version": "1.2.0", "notes": NOTES.rstrip()}
    assert (repository.folder / "tested").exists()
    assert repository.tags() == [f"v1.2.0 tag {commit}"]
    assert (repository.folder / "gh-arguments").read_text().splitlines() == [
        *("the-jobs-token", "release", "create", "v1.2.0", "--verify-tag"),
        *("--title", "v1.2.0", "--notes-file", "-"),
    ]
    assert (repository.folder / "gh-notes").read_text() == NOTES


def test_a_version_that_has_its_tag_is_not_released_again(repository: Repository) -> None:
    repository.release()
    (repository.folder / "gh-notes").unlink()
    (repository.folder / "tested").unlink()
    before = repository.tags()
    repository.push(README_md="New.\n")

    check, publish = repository.release()

    assert check.printed.splitlines()[-1] == "v1.2.0 is already released."
    assert (check.code, check.outputs) == (0, {"version": "", "notes": ""})
    assert publish == Done()
    assert repository.tags() == before
    assert not (repository.folder / "gh-notes").exists()
    assert not (repository.folder / "tested").exists()


@pytest.mark.parametrize(
    "changelog",
    [
        pytest.param(CHANGELOG.replace("[1.2.0] -", "[1.2.1] -"), id="no section"),
        pytest.param(CHANGELOG.replace("[1.2.0] -", "[1x2x0] -"), id="a name that is like it"),
        pytest.param(CHANGELOG.replace(" - 2026-11-22", ""), id="no date"),
        pytest.param(CHANGELOG.replace("2026-11-22", "soon"), id="no real date"),
        pytest.param(CHANGELOG.replace(NOTES, ""), id="no text"),
    ],
)
def test_a_version_without_its_section_in_the_changelog_is_refused(
    repository: Repository, changelog: str
) -> None:
    repository.push(CHANGELOG_md=changelog)

    check = repository.run("check")

    sentence = "::error::CHANGELOG.md has no text below '## [1.2.0] - YYYY-MM-DD'."
    assert (check.code, check.printed.splitlines()) == (1, [sentence])


def test_the_notes_of_the_oldest_version_end_before_the_links(repository: Repository) -> None:
    repository.push(CHANGELOG_md=CHANGELOG.replace("## [1.1.0] - 2026-10-01\n\n- Old.\n\n", ""))

    check = repository.run("check")

    assert check.outputs["notes"] == NOTES.rstrip()


def test_a_version_without_its_data_is_refused(repository: Repository) -> None:
    git(repository.folder / "author", "rm", "--quiet", "-r", "releases")
    repository.push()

    check = repository.run("check")

    sentence = "::error::releases/v1.2.0 is missing: run 'make release' and commit its files."
    assert (check.code, check.printed.splitlines()) == (1, [sentence])


def test_a_version_whose_tests_fail_is_not_released(repository: Repository) -> None:
    repository.push(broken="")

    check = repository.run("check")

    assert check.code != 0


def test_a_release_that_fails_after_its_tag_is_finished_by_a_second_try(
    repository: Repository,
) -> None:
    values = {"needs.check.outputs.version": "1.2.0", "needs.check.outputs.notes": "Lamps."}
    (repository.folder / "refusing").touch()

    first = repository.run("publish", **values)
    tags = repository.tags()
    (repository.folder / "refusing").unlink()
    second = repository.run("publish", **values)

    assert (first.code, second.code) == (1, 0)
    assert len(tags) == 1
    assert repository.tags() == tags
    assert (repository.folder / "gh-notes").read_text() == "Lamps.\n"


def test_the_tag_is_pushed_with_the_token_as_a_password(repository: Repository) -> None:
    with locked_server() as lock:
        publish = repository.run(
            "publish", server=lock.address, **{"needs.check.outputs.version": "1.2.0"}
        )

    assert publish.code != 0
    assert lock.given == ["x-access-token:the-jobs-token"]


def test_only_what_publishes_may_write_and_only_after_the_checks() -> None:
    workflow = ci_jobs.load(WORKFLOW)

    assert workflow["on"] == {"push": {"branches": ["main"]}}
    assert workflow["permissions"] == {}
    assert {name: job["permissions"] for name, job in workflow["jobs"].items()} == {
        "check": {"contents": "read"},
        "publish": {"contents": "write"},
    }
    assert workflow["jobs"]["publish"]["needs"] == "check"
    assert "make test" in [step.get("run") for step in workflow["jobs"]["check"]["steps"]]
