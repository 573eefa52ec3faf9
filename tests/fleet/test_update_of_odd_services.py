"""What `fleet update` does with services that are not like most: told truly, each of it."""

import json
from pathlib import Path

import pytest

from tests.fleet.conftest import Fleet, outcomes
from tests.fleet.toys import BRANCH, FIRST, LINES, THEIRS, Toy, edit, result, show
from tests.support import services

pytestmark = pytest.mark.slow


def test_what_a_service_had_deleted_and_does_not_get_is_told(
    fleet: Fleet, toy: Toy, lamps: Path
) -> None:
    (lamps / "shared.txt").unlink()
    services.commit(lamps, "Delete it")
    toy.release("v1.1.0", dict(THEIRS))

    run = fleet(lamps.parent, "update", "lamps")
    again = fleet(lamps.parent, "update", "lamps")
    told = fleet(lamps.parent, "update", "lamps", "--json")

    line = "lamps: shared.txt: changed in the template, still deleted here"
    assert (run.code, line in run.output.splitlines()) == (0, True)
    assert (again.code, line in again.output.splitlines()) == (0, True)
    assert result(told.output)["outcome"] == "updated"
    assert result(told.output)["left_deleted"] == ["shared.txt"]
    assert "shared.txt" in services.git(lamps, "log", "-1", "--format=%b", BRANCH)


def test_a_branch_that_a_remote_has_is_not_made_again(
    fleet: Fleet, toy: Toy, lamps: Path, tmp_path: Path
) -> None:
    toy.release("v1.1.0", dict(THEIRS))
    fleet(tmp_path, "update", "lamps")
    services.git(tmp_path, "clone", "--quiet", "lamps", "fresh")
    before = services.git(tmp_path / "fresh", "show-ref")

    run = fleet(tmp_path, "update", "fresh", "--json")

    told = result(run.output)
    assert (told["outcome"], told["note"]) == ("updated", "The branch already exists on origin.")
    assert services.git(tmp_path / "fresh", "show-ref") == before


def test_a_branch_that_conflicts_with_what_came_since_is_told_as_that(
    fleet: Fleet, toy: Toy, lamps: Path
) -> None:
    toy.release("v1.1.0", dict(THEIRS))
    fleet(lamps.parent, "update", "lamps")
    edit(lamps, "owned.txt", "line 5", "harmless")
    fine = fleet(lamps.parent, "update", "lamps", "--json")
    edit(lamps, "shared.txt", "line 5", "mine")

    run = fleet(lamps.parent, "update", "lamps", "--json")

    told = result(run.output)
    assert (fine.code, run.code, told["outcome"]) == (0, 2, "conflicts")
    assert told["conflicts"] == {"shared.txt": "changed since on both sides"}
    assert told["note"] == "The branch already exists, but conflicts with what was committed since."


def test_the_services_attributes_decide_how_lines_end_and_files_merge(
    fleet: Fleet, toy: Toy, lamps: Path
) -> None:
    (lamps / ".gitattributes").write_text("* text=auto eol=crlf\nshared.txt merge=union\n")
    services.commit(lamps, "On Windows")
    edit(lamps, "shared.txt", "line 5", "mine")
    toy.release("v1.1.0", {**THEIRS, "template/next.txt": "one\r\ntwo\r\n"})

    run = fleet(lamps.parent, "update", "lamps", "--json")

    assert outcomes(run) == {"lamps": "updated"}
    assert b"mine\ntheirs\n" in show(lamps, "shared.txt")
    assert show(lamps, "next.txt") == b"one\ntwo\n"


@pytest.mark.parametrize("how", ["--data", "--data-file"])
def test_a_whole_fleet_answers_a_question_that_has_no_default(
    fleet: Fleet, toy: Toy, shop: Path, how: str
) -> None:
    toy.release("v1.2.0", {"copier.yml": f"{FIRST['copier.yml']}region: {{type: str}}\n"})
    (shop / "answers.yml").write_text("region: eu\n")
    chosen = ["--data", "region=eu"] if how == "--data" else ["--data-file", "answers.yml"]

    without = fleet(shop, "update", "plain", "--json")
    run = fleet(shop, "update", "plain", "edited", "recent", "--json", *chosen)
    unknown = fleet(shop, "update", "plain", "--json", "--data", "planet=earth")

    assert (without.code, outcomes(without)) == (1, {"plain": "refused"})
    assert outcomes(run) == {"plain": "updated", "edited": "conflicts", "recent": "updated"}
    branch = "template-update/v1.2.0"
    assert b"region: eu\n" in show(shop / "plain", ".copier-answers.yml", branch)
    assert "does not ask planet" in str(result(unknown.output)["note"])


def test_a_dry_run_tells_of_each_file_and_changes_nothing(
    fleet: Fleet, toy: Toy, shop: Path
) -> None:
    (shop / "edited/Makefile").unlink()
    services.commit(shop / "edited", "Without make")
    toy.release(
        "v1.2.0",
        {"template/next.txt": "1\n", "template/owned.txt": None, "template/Makefile": "all:\n"},
    )
    before = services.git(shop / "edited", "rev-list", "--all", "--objects")

    run = fleet(shop, "update", "edited", "--dry-run", "--json")
    text = fleet(shop, "update", "edited", "--dry-run")

    files = {
        ".copier-answers.yml": "changed",
        "Makefile": "changed in the template, still deleted here",
        "next.txt": "added",
        "owned.txt": "removed",
        "shared.txt": "conflict: changed here and in the template, in the same lines",
    }
    assert (run.code, result(run.output)["files"]) == (2, files)
    assert "edited: next.txt: added" in text.output.splitlines()
    assert services.git(shop / "edited", "rev-list", "--all", "--objects") == before


def test_a_dry_run_in_a_service_leaves_the_working_tree_alone(
    fleet: Fleet, toy: Toy, lamps: Path
) -> None:
    toy.release("v1.1.0", {**THEIRS, "template/next.txt": "1\n"})
    (lamps / "shared.txt").write_text("not committed\n")

    run = fleet(lamps, "service", "update", "--dry-run")

    assert (run.code, run.output) == (
        0,
        ".copier-answers.yml: changed\nnext.txt: added\nshared.txt: changed\n",
    )
    assert (lamps / "shared.txt").read_text() == "not committed\n"


def test_a_release_of_a_maintenance_branch_goes_on_to_newer_ones(
    fleet: Fleet, toy: Toy, tmp_path: Path
) -> None:
    services.git(toy.folder, "switch", "--quiet", "--create", "maintenance")
    toy.release("v1.0.1", {"template/owned.txt": LINES.replace("line 1\n", "fixed\n")})
    services.commit(toy.service(tmp_path / "service", "v1.0.1"), "Start")
    toy.release("v1.0.2", {"template/fix.txt": "fixed\n"})
    services.git(toy.folder, "switch", "--quiet", "main")
    toy.release("v1.1.0", dict(THEIRS))

    along = fleet(tmp_path, "update", "service", "--to", "v1.0.2", "--json")
    across = fleet(tmp_path, "update", "service", "--to", "v1.1.0", "--json")

    assert (along.code, across.code) == (0, 0)
    assert show(tmp_path / "service", "fix.txt", "template-update/v1.0.2") == b"fixed\n"
    assert b"theirs\n" in show(tmp_path / "service", "shared.txt")


def test_folders_whose_names_a_branch_cannot_have_get_a_branch_each(
    fleet: Fleet, toy: Toy, tmp_path: Path
) -> None:
    mono = tmp_path / "mono"
    names = ["My Service", "My-Service", "a..b", "c.lock", "x~1"]
    for name in names:
        toy.service(mono / name)
    services.commit(mono, "Start")
    toy.release("v1.1.0", dict(THEIRS))

    run = fleet(mono, "update", *names, "--json")

    told = json.loads(run.output)["services"]
    assert (run.code, {one["outcome"] for one in told}) == (0, {"updated"})
    assert len({one["branch"] for one in told}) == len(names)
    assert told[1]["branch"] == "template-update/My-Service/v1.1.0"
    changed = services.git(mono, "diff", "--name-only", "-z", f"main...{told[0]['branch']}")
    assert changed.split("\0")[:-1] == ["My Service/.copier-answers.yml", "My Service/shared.txt"]


def test_an_address_that_is_relative_to_the_service_is_found_from_anywhere(
    fleet: Fleet, toy: Toy, lamps: Path
) -> None:
    answers = lamps / ".copier-answers.yml"
    answers.write_text(answers.read_text().replace(str(toy.folder), "../template"))
    services.commit(lamps, "Record it by hand")
    toy.release("v1.1.0", dict(THEIRS))
    (lamps / "deep").mkdir()

    run = fleet(lamps / "deep", "update", "..", "--json")

    assert result(run.output)["outcome"] == "updated"


def test_an_answers_file_in_json_keeps_its_address(fleet: Fleet, toy: Toy, tmp_path: Path) -> None:
    answers = "template/{{ _copier_conf.answers_file }}.jinja"
    printed = "{{ _copier_conf.src_path }} {{ _copier_answers._src_path }}\n"
    toy.release("v1.0.1", {answers: "{{ _copier_answers | to_json }}", "template/src.txt": "1\n"})
    service = toy.service(tmp_path / "service", "v1.0.1")
    services.commit(service, "Start")
    toy.release("v1.1.0", {"template/src.txt": None, "template/src.txt.jinja": printed})

    run = fleet(tmp_path, "update", "service", "--json")

    assert outcomes(run) == {"service": "updated"}
    recorded = json.loads(show(service, ".copier-answers.yml"))
    assert (recorded["_src_path"], recorded["_commit"]) == (str(toy.folder), "v1.1.0")
    assert show(service, "src.txt").decode() == f"{toy.folder} {toy.folder}\n"


def test_two_copies_of_a_service_can_be_told_apart(fleet: Fleet, shop: Path) -> None:
    run = fleet(shop, "status", "edited", "plain")

    assert "lamps (edited)" in run.output
    assert "lamps (plain)" in run.output
