"""What `fleet service update` refuses before it changes anything."""

from pathlib import Path

import pytest

from tests.fleet.conftest import Fleet
from tests.fleet.toys import FIRST, Toy, status
from tests.support import services

UPDATE = ("service", "update")
NEXT = "template/next.txt"


@pytest.mark.parametrize("change", ["changed", "new", "staged"])
def test_work_that_is_not_committed_is_refused_and_kept(
    fleet: Fleet, toy: Toy, lamps: Path, change: str
) -> None:
    toy.release("v1.1.0", {"template/shared.txt": "theirs\n"})
    name = "new.txt" if change == "new" else "shared.txt"
    (lamps / name).write_text("mine\n")
    if change == "staged":
        services.git(lamps, "add", name)
    before = status(lamps)

    run = fleet(lamps, *UPDATE)

    assert (run.code, run.output, run.errors) == (
        1,
        "",
        f"fleet: {lamps} has uncommitted changes ({name}): commit or stash them first.\n",
    )
    assert (status(lamps), (lamps / name).read_text()) == (before, "mine\n")


def test_a_template_that_wants_to_run_code_is_refused_whatever_the_user_trusts(
    fleet: Fleet, toy: Toy, lamps: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = tmp_path / "settings.yml"
    settings.write_text("trust: [/]\n")
    monkeypatch.setenv("COPIER_SETTINGS_PATH", str(settings))
    toy.release("v1.1.0", {"copier.yml": f"{FIRST['copier.yml']}_tasks: ['touch ran']\n"})

    run = fleet(lamps, *UPDATE)

    assert (run.code, (lamps / "ran").exists(), status(lamps)) == (1, False, [])
    assert "unsafe" in run.errors


@pytest.mark.parametrize(
    ("answers", "sentence"),
    [
        (None, "fleet: {folder} has no .copier-answers.yml: it was not made by `copier copy`.\n"),
        ("a: [", "fleet: {folder}/.copier-answers.yml is not valid YAML: "),
        ("- a\n", "fleet: {folder}/.copier-answers.yml has no answers.\n"),
        (
            "_src_path: /dev/null/nowhere\n",
            "fleet: {folder}/.copier-answers.yml does not record _commit: "
            "render the service from a repository.\n",
        ),
        (
            "_src_path: /dev/null/nowhere\n_commit: v1.0.0\n",
            "fleet: The template /dev/null/nowhere cannot be cloned; git says: ",
        ),
    ],
)
def test_what_is_no_service_is_refused_with_a_sentence(
    fleet: Fleet, lamps: Path, answers: str | None, sentence: str
) -> None:
    file = lamps / ".copier-answers.yml"
    file.unlink() if answers is None else file.write_text(answers)
    services.commit(lamps, "Break it")

    run = fleet(lamps, *UPDATE)

    assert (run.code, run.output) == (1, "")
    assert run.errors.startswith(sentence.format(folder=lamps))
    assert len(run.errors.splitlines()) == 1


def test_a_folder_without_a_repository_is_refused(fleet: Fleet, toy: Toy, tmp_path: Path) -> None:
    service = toy.service(tmp_path / "service")

    run = fleet(service, *UPDATE)

    assert (run.code, run.errors) == (
        1,
        f"fleet: {service} is not in a git repository: run `git init` and commit it.\n",
    )
