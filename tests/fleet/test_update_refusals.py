"""What `fleet update` cannot move: each such service gets a sentence, and the others move."""

import json
import shutil
from pathlib import Path

import pytest

from tests.fleet.conftest import Fleet, outcomes
from tests.fleet.toys import BRANCH, FIRST, Toy
from tests.support import services

pytestmark = pytest.mark.slow


def test_a_branch_of_that_name_without_the_update_is_refused(fleet: Fleet, shop: Path) -> None:
    services.git(shop / "plain", "branch", BRANCH)

    run = fleet(shop, "update", "plain", "--json")

    assert run.code == 1
    assert json.loads(run.output)["services"][0]["note"] == (
        f"The branch {BRANCH} of plain does not have the update to v1.1.0: "
        f"delete it with `git branch --delete --force {BRANCH}`, or rename it."
    )


def test_an_older_version_is_one_that_a_service_has_already(fleet: Fleet, shop: Path) -> None:
    run = fleet(shop, "update", "plain", "recent", "--to", "v1.0.0", "--json")

    assert (run.code, outcomes(run)) == (0, {"plain": "up to date", "recent": "up to date"})


def test_bad_services_get_a_sentence_each_and_the_others_their_update(
    fleet: Fleet, shop: Path, lamps: Path
) -> None:
    answers = lamps / ".copier-answers.yml"
    for name, text in {
        "broken": "a: [",
        "gone": "_src_path: /dev/null/nowhere\n_commit: v1.0.0\n",
        "unknown": answers.read_text().replace("_commit: v1.0.0", "_commit: v7"),
        "dirty": answers.read_text(),
    }.items():
        shutil.copytree(lamps, shop / name)
        (shop / name / ".copier-answers.yml").write_text(text)
        services.commit(shop / name, "Break it")
    (shop / "dirty/shared.txt").write_text("mine\n")
    (shop / "bare").mkdir()
    (shop / "list.txt").write_text("broken\ngone\nunknown\ndirty\nbare\nplain # last\n")

    run = fleet(shop, "update", "--file", "list.txt", "--json")

    notes = [move["note"] for move in json.loads(run.output)["services"]]
    assert run.code == 1
    assert [note.partition(":")[0] for note in notes] == [
        "broken/.copier-answers.yml is not valid YAML",
        "The template /dev/null/nowhere is not allowed; allowed",
        f"The template {shop.parent}/template has no version v7 (its newest",
        "",
        "bare is not in a git repository",
        "",
    ]
    assert (outcomes(run)["dirty"], outcomes(run)["plain"]) == ("updated", "updated")
    assert (shop / "dirty/shared.txt").read_text() == "mine\n"


def test_what_cannot_be_updated_is_told_of_the_service_not_of_its_clone(
    fleet: Fleet, shop: Path
) -> None:
    services.git(shop / "plain", "switch", "--quiet", "--create", "template-update")

    run = fleet(shop, "update", "plain", "--json")

    [moved] = json.loads(run.output)["services"]
    assert (run.code, moved["outcome"]) == (1, "refused")
    assert moved["note"].startswith(f"The branch {BRANCH} cannot be created in plain. ")


def test_a_template_that_wants_to_run_code_is_refused(fleet: Fleet, toy: Toy, shop: Path) -> None:
    toy.release("v1.2.0", {"copier.yml": f"{FIRST['copier.yml']}_tasks: ['touch ran']\n"})

    run = fleet(shop, "update", "plain", "--json")

    assert (run.code, outcomes(run)) == (1, {"plain": "refused"})
    assert "unsafe" in json.loads(run.output)["services"][0]["note"]
    assert services.git(shop / "plain", "branch") == "* main\n"
