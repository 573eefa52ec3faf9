"""`fleet service update`: nothing of a service is lost, and the exit code tells the truth."""

from pathlib import Path

import pytest

from tests.fleet.conftest import Fleet
from tests.fleet.toys import FIRST, LINES, Toy, edit, status
from tests.support import services

UPDATE = ("service", "update")
NEXT = "template/next.txt"


def test_an_update_is_merged_and_told_by_class_with_the_changelog(
    fleet: Fleet, toy: Toy, lamps: Path
) -> None:
    edit(lamps, "shared.txt", "line 1\n", "mine\n")
    new = LINES.replace("line 9", "line nine")
    changes = {"template/shared.txt": new, "template/owned.txt": new, NEXT: "next\n"}
    section = "## [1.1.0] - 2026-02-02\n\n### Added\n\n- More.\n\n"
    log = str(FIRST["CHANGELOG.md"]).replace("## ", f"{section}## ")
    toy.release("v1.1.0", {**changes, "CHANGELOG.md": log, "template/example/new.txt": "two\n"})

    run = fleet(lamps, *UPDATE)

    assert (run.code, run.output) == (
        0,
        "Update the template from v1.0.0 to v1.1.0.\n\n"
        "# Changed in the template's files\n\n- owned.txt\n\n"
        "# Changed in shared files\n\n- shared.txt\n\n"
        "# Changed in other files\n\n- next.txt\n\n"
        f"# What is new\n\n{section}"
        "Review with `git diff HEAD`, then commit.\n",
    )
    assert (lamps / "shared.txt").read_text() == new.replace("line 1\n", "mine\n")
    assert status(lamps) == [
        "M  .copier-answers.yml",
        "A  next.txt",
        "M  owned.txt",
        "M  shared.txt",
    ]
    assert "_commit: v1.1.0\n" in (lamps / ".copier-answers.yml").read_text()
    assert f"_src_path: {toy.folder}\n" in (lamps / ".copier-answers.yml").read_text()


def test_an_update_locks_checks_and_tests(fleet: Fleet, toy: Toy, lamps: Path) -> None:
    toy.release("v1.1.0", {NEXT: "next\n"})

    fleet(lamps, *UPDATE)

    assert (lamps / ".git/made").read_text() == "lock\ncheck\ntest\n"


def test_checks_that_fail_are_told_by_the_exit_code(fleet: Fleet, toy: Toy, lamps: Path) -> None:
    toy.release("v1.1.0", {"template/Makefile": "lock check test:\n\t@exit 1\n"})

    run = fleet(lamps, *UPDATE)

    assert run.code == 3
    assert run.output.endswith(
        "The update is merged, but `make lock check test` failed: see above.\n"
    )


def test_a_service_that_is_up_to_date_is_left_alone(fleet: Fleet, lamps: Path) -> None:
    run = fleet(lamps, *UPDATE)

    assert (run.code, run.output) == (0, "lamps is up to date with the template: v1.0.0.\n")
    assert status(lamps) == []


def test_a_conflict_is_listed_with_its_reason_and_a_code_of_its_own(
    fleet: Fleet, toy: Toy, lamps: Path
) -> None:
    edit(lamps, "shared.txt", "line 5", "mine")
    toy.release("v1.1.0", {"template/shared.txt": LINES.replace("line 5", "theirs")})

    run = fleet(lamps, *UPDATE)

    assert run.code == 2
    assert (
        "# Conflicts\n\n- shared.txt: changed here and in the template, in the same lines\n"
    ) in run.output
    assert status(lamps) == ["M  .copier-answers.yml", "UU shared.txt"]
    assert "mine\n=======\ntheirs\n" in (lamps / "shared.txt").read_text()
    assert not (lamps / ".git/made").exists()


def test_a_renamed_file_takes_the_edits_along(fleet: Fleet, toy: Toy, lamps: Path) -> None:
    edit(lamps, "shared.txt", "line 5", "mine")
    toy.release("v1.1.0", {"template/shared.txt": None, "template/shared2.txt": LINES})

    run = fleet(lamps, *UPDATE)

    assert run.code == 0
    assert not (lamps / "shared.txt").exists()
    assert (lamps / "shared2.txt").read_text() == LINES.replace("line 5", "mine")


def test_a_file_of_the_service_stays_where_it_is_when_its_folder_is_renamed(
    fleet: Fleet, toy: Toy, tmp_path: Path
) -> None:
    names = ("one", "two", "three")
    texts = {name: LINES.replace("line", name) for name in names}
    toy.release("v1.1.0", {f"template/old/{name}.txt": texts[name] for name in names})
    service = toy.service(tmp_path / "service", "v1.1.0")
    (service / "old/mine.txt").write_text("mine\n")
    services.commit(service, "Start")
    toy.release(
        "v1.2.0",
        {f"template/old/{name}.txt": None for name in names}
        | {f"template/new/{name}.txt": texts[name] for name in names},
    )

    run = fleet(service, *UPDATE)

    assert run.code == 0
    assert (service / "old/mine.txt").read_text() == "mine\n"
    assert (service / "new/one.txt").read_text() == texts["one"]


def test_an_edited_file_that_the_template_removes_is_a_conflict(
    fleet: Fleet, toy: Toy, lamps: Path
) -> None:
    edit(lamps, "shared.txt", "line 5", "mine")
    toy.release("v1.1.0", {"template/shared.txt": None})

    run = fleet(lamps, *UPDATE)

    assert run.code == 2
    assert "- shared.txt: changed here, removed by the template\n" in run.output
    assert (lamps / "shared.txt").read_text() == LINES.replace("line 5", "mine")


def test_a_file_that_both_sides_added_is_a_conflict(fleet: Fleet, toy: Toy, lamps: Path) -> None:
    (lamps / "next.txt").write_text("mine\n")
    services.commit(lamps, "A file of mine")
    toy.release("v1.1.0", {NEXT: "theirs\n"})

    run = fleet(lamps, *UPDATE)

    assert run.code == 2
    assert "- next.txt: added here and in the template\n" in run.output


def test_a_deleted_file_stays_deleted_and_is_told(fleet: Fleet, toy: Toy, lamps: Path) -> None:
    (lamps / "owned.txt").unlink()
    services.commit(lamps, "Without it")
    toy.release("v1.1.0", {"template/owned.txt": LINES.replace("line 5", "theirs")})

    run = fleet(lamps, *UPDATE)

    assert run.code == 0
    assert "# Changed in the template, still deleted here\n\n- owned.txt\n" in run.output
    assert status(lamps) == ["M  .copier-answers.yml"]


def test_an_edit_in_a_file_of_the_template_is_kept_and_told(
    fleet: Fleet, toy: Toy, lamps: Path
) -> None:
    edit(lamps, "owned.txt", "line 1\n", "mine\n")
    toy.release("v1.1.0", {"template/owned.txt": LINES.replace("line 9", "theirs")})

    run = fleet(lamps, *UPDATE)

    assert run.code == 0
    assert (
        "# Files of the template that you had changed\n\n"
        "- owned.txt: additions belong in local.txt\n"
    ) in run.output
    assert (lamps / "owned.txt").read_text() == LINES.replace("line 1\n", "mine\n").replace(
        "line 9", "theirs"
    )


def test_seeds_are_neither_changed_nor_restored_nor_added(
    fleet: Fleet, toy: Toy, lamps: Path
) -> None:
    seeds = {"template/example/seed.txt": "two\n", "template/example/new.txt": "new\n"}
    toy.release("v1.1.0", {**seeds, NEXT: "next\n"})

    fleet(lamps, *UPDATE)

    assert status(lamps) == ["M  .copier-answers.yml", "A  next.txt"]


def test_an_answers_file_that_somebody_wrote_otherwise_is_no_conflict(
    fleet: Fleet, toy: Toy, lamps: Path
) -> None:
    edit(lamps, ".copier-answers.yml", "_commit: v1.0.0\n", '# Mine.\n_commit: "v1.0.0"\n')
    toy.release("v1.1.0", {NEXT: "next\n"})

    run = fleet(lamps, *UPDATE)

    assert (run.code, status(lamps)) == (0, ["M  .copier-answers.yml", "A  next.txt"])


def test_a_file_that_git_would_ignore_is_updated_too(fleet: Fleet, toy: Toy, lamps: Path) -> None:
    toy.release("v1.1.0", {"template/.gitignore.jinja": "*.log\n", "template/kept.log": "kept\n"})

    run = fleet(lamps, *UPDATE)

    assert (run.code, (lamps / "kept.log").read_text()) == (0, "kept\n")


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


def test_a_version_can_be_chosen(fleet: Fleet, toy: Toy, lamps: Path) -> None:
    toy.release("v1.1.0", {NEXT: "1.1\n"})
    toy.release("v1.2.0", {NEXT: "1.2\n"})

    run = fleet(lamps, *UPDATE, "--to", "v1.1.0")

    assert (run.code, (lamps / "next.txt").read_text()) == (0, "1.1\n")


def test_a_branch_of_the_template_is_a_version_too(fleet: Fleet, toy: Toy, lamps: Path) -> None:
    services.git(toy.folder, "switch", "--quiet", "--create", "next")
    toy.change({NEXT: "next\n"})
    services.commit(toy.folder, "Next")
    services.git(toy.folder, "switch", "--quiet", "-")

    run = fleet(lamps, *UPDATE, "--to", "next")

    assert (run.code, (lamps / "next.txt").read_text()) == (0, "next\n")
    assert "_commit: v1.0.0-1-g" in (lamps / ".copier-answers.yml").read_text()


def test_the_newest_version_is_no_preview(fleet: Fleet, toy: Toy, lamps: Path) -> None:
    toy.release("v1.10.0", {NEXT: "1.10\n"})
    toy.release("v2.0.0rc1", {NEXT: "2.0\n"})
    services.git(toy.folder, "tag", "v1.9.0", "v1.10.0~1")

    fleet(lamps, *UPDATE)

    assert (lamps / "next.txt").read_text() == "1.10\n"


def test_an_unknown_version_is_refused_with_the_known_ones(
    fleet: Fleet, toy: Toy, lamps: Path
) -> None:
    run = fleet(lamps, *UPDATE, "--to", "v7")

    assert (run.code, run.errors) == (
        1,
        f"fleet: The template {toy.folder} has no version v7 (its newest: v1.0.0).\n",
    )


def test_an_older_version_is_refused(fleet: Fleet, toy: Toy, tmp_path: Path) -> None:
    toy.release("v1.1.0", {NEXT: "next\n"})
    service = toy.service(tmp_path / "new", "v1.1.0")
    services.commit(service, "Start")

    run = fleet(service, *UPDATE, "--to", "v1.0.0")

    assert (run.code, run.errors) == (
        1,
        f"fleet: {service} is at v1.1.0, which is not an ancestor of v1.0.0: "
        "updates only go forward.\n",
    )


def test_an_answer_can_change_with_or_without_a_newer_version(fleet: Fleet, lamps: Path) -> None:
    run = fleet(lamps, *UPDATE, "--data", "port=9000")

    assert (run.code, (lamps / "settings.txt").read_text()) == (0, "port 9000\n")


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ("colour=red", "Version v1.0.0 of the template does not ask colour."),
        ("port=0", "No such port."),
        ("port", '"port" is not an answer: write --data question=answer.'),
    ],
)
def test_an_answer_that_the_template_does_not_take_is_refused_by_name(
    fleet: Fleet, lamps: Path, answer: str, sentence: str
) -> None:
    run = fleet(lamps, *UPDATE, "--data", answer)

    assert run.code == 1
    assert sentence in run.errors
    assert status(lamps) == []


def test_an_answer_that_a_newer_version_refuses_is_an_error_not_a_reset(
    fleet: Fleet, toy: Toy, tmp_path: Path
) -> None:
    service = toy.service(tmp_path / "service", port=70)
    services.commit(service, "Start")
    narrowed = str(FIRST["copier.yml"]).replace("port < 1", "port < 100")
    toy.release("v1.1.0", {"copier.yml": narrowed})

    run = fleet(service, *UPDATE)

    assert (run.code, run.errors) == (
        1,
        "fleet: Version v1.1.0 of the template refuses the answer port = 70: No such port.\n",
    )
    assert status(service) == []


def test_an_answer_that_a_newer_version_cannot_read_is_an_error(
    fleet: Fleet, toy: Toy, lamps: Path
) -> None:
    several = "service_name: {type: str, multiselect: true, choices: [lamps], default: [lamps]}"
    questions = str(FIRST["copier.yml"])
    one = next(line for line in questions.splitlines() if line.startswith("service_name"))
    toy.release("v1.1.0", {"copier.yml": questions.replace(one, several)})

    run = fleet(lamps, *UPDATE)

    assert (run.code, run.errors) == (
        1,
        "fleet: Version v1.1.0 of the template does not render with these answers: "
        "Not a YAML list: 'lamps'\n",
    )


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


def test_a_service_may_live_in_a_folder_of_a_repository(
    fleet: Fleet, toy: Toy, tmp_path: Path
) -> None:
    service = toy.service(tmp_path / "mono" / "services" / "lamps")
    (service / "shared.txt").write_text(LINES.replace("line 5", "mine"))
    services.commit(tmp_path / "mono", "Start")
    (tmp_path / "mono" / "other.txt").write_text("not committed, and not in the service\n")
    toy.release("v1.1.0", {"template/shared.txt": LINES.replace("line 5", "theirs"), NEXT: "1\n"})

    run = fleet(service, *UPDATE)

    assert run.code == 2
    assert "# Conflicts\n\n- shared.txt: changed" in run.output
    assert "# Changed in other files\n\n- next.txt\n" in run.output
    assert status(tmp_path / "mono") == [
        "M  services/lamps/.copier-answers.yml",
        "A  services/lamps/next.txt",
        "UU services/lamps/shared.txt",
        "?? other.txt",
    ]


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
