"""`fleet adopt`: a service that was not made from a template comes to follow one."""

from pathlib import Path

import pytest

from tests.fleet.conftest import Fleet
from tests.fleet.toys import LINES, Toy, status
from tests.support import services


@pytest.fixture
def older(tmp_path: Path) -> Path:
    """A service that somebody wrote by hand: one file as in the template, one other."""
    folder = tmp_path / "older"
    folder.mkdir()
    (folder / "shared.txt").write_text(LINES.replace("line 9", "mine"))
    (folder / "owned.txt").write_text(LINES)
    (folder / "own.txt").write_text("own\n")
    services.commit(folder, "Write a service")
    return folder


def test_what_would_change_is_told_and_nothing_is_written(
    fleet: Fleet, toy: Toy, older: Path
) -> None:
    run = fleet(older, "adopt", ".", "--template", str(toy.folder))

    assert (run.code, status(older)) == (0, [])
    assert run.output == (
        "The template is at v1.0.0.\n\n"
        "# Would be added\n\n- .copier-answers.yml\n- Makefile\n- settings.txt\n\n"
        "# Identical\n\n- owned.txt\n\n"
        "# Different, left as they are\n\n- shared.txt\n\n"
        "# Differences\n\n"
        "--- template/shared.txt\n+++ service/shared.txt\n@@ -6,4 +6,4 @@\n"
        " line 6\n line 7\n line 8\n-line 9\n+mine\n\n"
        "Nothing was written. --write adds the missing files and changes no others.\n"
    )


def test_what_is_missing_is_added_and_nothing_else_changes(
    fleet: Fleet, toy: Toy, older: Path
) -> None:
    address = ("--template", "../template")

    run = fleet(older, "adopt", ".", *address, "--data", "port=9000", "--write")

    assert run.code == 0
    assert run.output.startswith("The template is at v1.0.0.\n\n# Added\n\n- .copier-answers.yml\n")
    assert status(older) == ["?? .copier-answers.yml", "?? Makefile", "?? settings.txt"]
    assert (older / "settings.txt").read_text() == "port 9000\n"
    assert (older / ".copier-answers.yml").read_text() == (
        f"_commit: v1.0.0\n_src_path: {toy.folder}\nport: 9000\nservice_name: lamps\n"
    )


@pytest.mark.slow
def test_an_adopted_service_updates_like_any_other(fleet: Fleet, toy: Toy, older: Path) -> None:
    fleet(older, "adopt", ".", "--template", str(toy.folder), "--write")
    services.commit(older, "Follow the template")
    toy.release("v1.1.0", {"template/shared.txt": LINES.replace("line 1\n", "theirs\n")})

    one = fleet(older, "service", "drift")
    many = fleet(older.parent, "update", "older")
    updated = fleet(older, "service", "update")

    assert (one.code, many.code, updated.code) == (0, 0, 0)
    assert (older / "shared.txt").read_text() == (
        LINES.replace("line 1\n", "theirs\n").replace("line 9", "mine")
    )
    assert not (older / "example").exists()


def test_files_in_the_way_of_folders_stay_and_are_told(
    fleet: Fleet, toy: Toy, older: Path, tmp_path: Path
) -> None:
    toy.release("v1.1.0", {"template/docs/one.txt": "1\n", "template/dev/two.txt": "2\n"})
    (older / "docs").write_text("a file\n")
    (tmp_path / "elsewhere").mkdir()
    (older / "dev").symlink_to(tmp_path / "elsewhere")
    services.commit(older, "Be in the way")

    run = fleet(older, "adopt", ".", "--template", str(toy.folder), "--write")

    assert run.code == 0
    assert "left as they are\n\n- dev/two.txt\n- docs/one.txt\n- shared.txt\n" in run.output
    assert ((older / "docs").read_text(), list((tmp_path / "elsewhere").iterdir())) == (
        "a file\n",
        [],
    )


def test_work_that_is_not_committed_is_refused_before_anything_is_written(
    fleet: Fleet, toy: Toy, older: Path
) -> None:
    (older / "own.txt").write_text("changed\n")

    run = fleet(older, "adopt", ".", "--template", str(toy.folder), "--write")

    assert (run.code, run.errors) == (
        1,
        "fleet: . has uncommitted changes (own.txt): commit or stash them first.\n",
    )
    assert status(older) == [" M own.txt"]


def test_a_service_that_follows_a_template_is_refused(fleet: Fleet, toy: Toy, lamps: Path) -> None:
    run = fleet(lamps, "adopt", str(lamps), "--template", "gh:acme/template")

    assert (run.code, run.errors) == (
        1,
        f"fleet: {lamps} already follows the template {toy.folder} at v1.0.0: "
        "update it with `fleet service update`.\n",
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nowhere", "--template", "{toy}"], "There is no folder nowhere."),
        (["..", "--template", "{toy}"], ".. is not in a git repository: run `git init`"),
        (
            [".", "--template", "/dev/null/nowhere"],
            "The template /dev/null/nowhere cannot be cloned; git says: ",
        ),
        ([".", "--template", "{toy}", "--to", "v7"], "The template {toy} has no version v7 "),
        ([".", "--template", "{toy}", "--data", "port=x"], 'port takes a whole number, not "x".'),
    ],
)
def test_what_cannot_be_adopted_is_refused_with_a_sentence(
    fleet: Fleet, toy: Toy, older: Path, arguments: list[str], sentence: str
) -> None:
    run = fleet(older, "adopt", *(argument.format(toy=toy.folder) for argument in arguments))

    assert (run.code, run.output) == (1, "")
    assert run.errors.startswith(f"fleet: {sentence.format(toy=toy.folder)}")


def test_a_template_without_an_answers_file_is_refused(
    fleet: Fleet, older: Path, tmp_path: Path
) -> None:
    other = Toy(tmp_path / "other")
    other.release("v1.0.0", {"copier.yml": "_subdirectory: template\n", "template/a.txt": "a\n"})

    run = fleet(older, "adopt", ".", "--template", str(other.folder))

    assert run.errors == "fleet: Version v1.0.0 of the template writes no .copier-answers.yml.\n"
