"""`fleet service branch`: what the scheduled job of a service commits and says."""

import subprocess
from pathlib import Path

import pytest

from tests.fleet.conftest import Fleet
from tests.fleet.toys import LINES, Toy, edit, status
from tests.support import services

WORKFLOW = "template/.github/workflows/ci.yml"


@pytest.fixture
def body(tmp_path: Path) -> Path:
    return tmp_path / "body.md"


def branch(service: Path) -> str:
    return services.git(service, "branch", "--show-current").strip()


def committed(service: Path) -> list[str]:
    """What the last commit changed, and its subject."""
    return services.git(
        service, "show", "--format=%an: %s", "--name-status", "--no-renames"
    ).splitlines()


def test_an_update_is_committed_to_a_branch_of_its_own(
    fleet: Fleet, toy: Toy, lamps: Path, body: Path
) -> None:
    start = branch(lamps)
    before = services.git(lamps, "rev-parse", start)
    toy.release("v1.1.0", {"template/next.txt": "next\n"})

    run = fleet(lamps, "service", "branch", "--body", str(body))

    assert (run.code, run.output) == (0, "template-update/v1.1.0\n")
    assert branch(lamps) == "template-update/v1.1.0"
    assert services.git(lamps, "rev-parse", start) == before
    assert committed(lamps) == [
        "Template update: Update the template from v1.0.0 to v1.1.0",
        "",
        "M\t.copier-answers.yml",
        "A\tnext.txt",
    ]
    assert body.read_text() == (
        "Update the template from v1.0.0 to v1.1.0.\n\n# Changed in other files\n\n- next.txt\n"
    )
    assert not (lamps / ".git/made").exists()  # nothing of the service was run


def test_nothing_to_update_is_no_branch_and_no_text(fleet: Fleet, lamps: Path, body: Path) -> None:
    start = branch(lamps)

    run = fleet(lamps, "service", "branch", "--body", str(body))

    assert (run.code, run.output, body.exists(), branch(lamps)) == (0, "", False, start)


def test_the_branch_is_never_written_anew(fleet: Fleet, toy: Toy, lamps: Path, body: Path) -> None:
    toy.release("v1.1.0", {"template/next.txt": "next\n"})
    services.git(lamps, "branch", "template-update/v1.1.0")
    before = services.git(lamps, "show-ref")

    run = fleet(lamps, "service", "branch", "--body", str(body))

    assert run.code == 1
    assert run.errors.startswith(
        f"fleet: The branch template-update/v1.1.0 cannot be created in {lamps}. "
    )
    assert services.git(lamps, "show-ref") == before


def test_work_that_is_not_committed_is_refused_before_there_is_a_branch(
    fleet: Fleet, toy: Toy, lamps: Path, body: Path
) -> None:
    toy.release("v1.1.0", {"template/next.txt": "next\n"})
    (lamps / "shared.txt").write_text("mine\n")
    before = services.git(lamps, "show-ref")

    run = fleet(lamps, "service", "branch", "--body", str(body))

    assert (run.code, services.git(lamps, "show-ref"), branch(lamps)) == (1, before, "main")
    assert (lamps / "shared.txt").read_text() == "mine\n"


def test_conflicts_are_committed_with_their_markers_and_told(
    fleet: Fleet, toy: Toy, lamps: Path, body: Path
) -> None:
    edit(lamps, "shared.txt", "line 5", "mine")
    hook = lamps / ".git/hooks/pre-commit"  # like the one that refuses conflict markers
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    toy.release("v1.1.0", {"template/shared.txt": LINES.replace("line 5", "theirs")})

    run = fleet(lamps, "service", "branch", "--body", str(body))

    assert (run.code, status(lamps)) == (0, [])
    assert "mine\n=======\ntheirs\n" in (lamps / "shared.txt").read_text()
    assert "**There are conflicts**" in body.read_text()
    assert "- shared.txt: changed here and in the template, in the same lines\n" in body.read_text()


def test_a_lock_that_cannot_be_made_is_told(
    fleet: Fleet, toy: Toy, lamps: Path, body: Path
) -> None:
    (lamps / "uv.lock").write_text("version = 1\n")
    services.commit(lamps, "Lock")
    toy.release("v1.1.0", {"template/pyproject.toml": "not TOML\n"})

    run = fleet(lamps, "service", "branch", "--body", str(body))

    assert run.code == 0
    assert "run `make lock` on this branch" in body.read_text()


@pytest.mark.parametrize("mine", ["untouched", "conflicting"])
def test_a_folder_that_is_left_out_is_a_patch_that_applies(
    fleet: Fleet, toy: Toy, tmp_path: Path, body: Path, mine: str
) -> None:
    toy.release("v1.1.0", {WORKFLOW: LINES})
    service = toy.service(tmp_path / "service", "v1.1.0")
    services.commit(service, "Start")
    if mine == "conflicting":
        edit(service, ".github/workflows/ci.yml", "line 5", "mine")
    theirs, new = LINES.replace("line 5", "theirs"), "template/.github/workflows/new.yml"
    toy.release("v1.2.0", {WORKFLOW: theirs, new: "new ```\n", "template/next.txt": "1\n"})

    run = fleet(
        service, "service", "branch", "--body", str(body), "--leave-out", ".github/workflows"
    )

    assert run.code == 0
    assert committed(service)[2:] == ["M\t.copier-answers.yml", "A\tnext.txt"]
    text = body.read_text()
    assert "# Conflicts" not in text
    assert "- .github/" not in text
    patch = text.partition("````diff\n")[2].partition("````\n")[0]
    applied = subprocess.run(
        ["git", "apply", "--3way"], cwd=service, input=patch, text=True, check=False
    )
    assert (applied.returncode == 0) is (mine == "untouched")
    assert (service / ".github/workflows/new.yml").read_text() == "new ```\n"
