"""The hooks of pre-commit: the commands of `make check`, and what an update leaves behind."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.ci_jobs import load
from tests.support.commands import said

Render = Callable[..., Path]


def test_hooks_come_from_the_project_alone(render: Render) -> None:
    repositories = load(render() / ".pre-commit-config.yaml")["repos"]

    assert [repository["repo"] for repository in repositories] == ["local"]
    assert {hook["id"]: (hook["language"], hook["entry"]) for hook in repositories[0]["hooks"]} == {
        "conflict-markers": ("pygrep", r"^(<{7}|\|{7}|>{7})( |$)"),
        "rejected-hunks": (
            "fail",
            "This is a part of an update that could not be applied: "
            "apply it by hand and delete the file.",
        ),
        "uv-lock": ("system", "make --no-print-directory lock ARGS=--check"),
        "ruff-format": ("system", ".venv/bin/ruff format --force-exclude"),
        "ruff-check": ("system", ".venv/bin/ruff check --force-exclude"),
        "mypy": ("system", ".venv/bin/mypy"),
        "import-contracts": ("system", ".venv/bin/lint-imports --no-logo"),
        "migrations": ("system", ".venv/bin/python -m dev.lint_migrations"),
    }


def test_hooks_are_the_commands_of_make_check(render: Render) -> None:
    service = render()

    _, recipe = said("make", "--dry-run", "--no-print-directory", "check", cwd=service)
    hooks = load(service / ".pre-commit-config.yaml")["repos"][0]["hooks"]

    checks = re.findall(r"uv run (.*)", recipe)
    entries = [
        hook["entry"].removeprefix(".venv/bin/")
        for hook in hooks
        if hook["entry"].startswith(".venv/bin/")
    ]
    assert [check.removesuffix(" --check") for check in checks] == [
        entry.removesuffix(" --force-exclude") for entry in entries
    ]


@pytest.fixture
def commit_of_nothing(render: Render, tmp_path: Path) -> Path:
    """A git repository with the hooks of a service and no file that they could refuse."""
    shutil.copy(render() / ".pre-commit-config.yaml", tmp_path)
    said("git", "init", "--quiet", cwd=tmp_path)
    said("git", "add", ".", cwd=tmp_path)
    return tmp_path


def run_hook(hook: str, repository: Path) -> tuple[int, str]:
    said("git", "add", ".", cwd=repository)
    home = str(repository / ".git" / "pre-commit")
    command = ("pre-commit", "run", "--all-files", "--color", "never", hook)
    return said(*command, cwd=repository, PRE_COMMIT_HOME=home)


@pytest.mark.parametrize(
    "marker",
    ["<<<<<<< before updating", "||||||| last update", ">>>>>>> after updating", "<<<<<<<"],
)
def test_a_conflict_marker_is_refused(commit_of_nothing: Path, marker: str) -> None:
    (commit_of_nothing / "settings.py").write_text(f"a = 1\n{marker}\n")

    code, output = run_hook("conflict-markers", commit_of_nothing)

    assert (code, output.splitlines()[-1]) == (1, f"settings.py:2:{marker}")


def test_text_that_looks_like_a_conflict_marker_is_not_refused(commit_of_nothing: Path) -> None:
    (commit_of_nothing / "README.md").write_text("Install\n=======\n\n    >>>>>>> a\n<<<<<<<<<<\n")

    code, output = run_hook("conflict-markers", commit_of_nothing)

    assert code == 0, output


def test_a_rejected_hunk_is_refused(commit_of_nothing: Path) -> None:
    (commit_of_nothing / "main.py.rej").write_text("@@ -1 +1 @@\n")

    code, output = run_hook("rejected-hunks", commit_of_nothing)

    assert (code, output.splitlines()[-1]) == (1, "main.py.rej")
