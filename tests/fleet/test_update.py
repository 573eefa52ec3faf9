"""`fleet update`: a branch in each service, made beside it; nothing else of a service changes."""

import json
import os
import subprocess
import sysconfig
from pathlib import Path

import pytest

from tests.fleet.conftest import Fleet, outcomes
from tests.fleet.toys import BRANCH, LINES, Toy, edit
from tests.fleet.untouched import refs, state
from tests.support import services

pytestmark = pytest.mark.slow


def moved(path: str, outcome: str, **fields: object) -> dict[str, object]:
    """What `--json` prints for a service of 1.0.0, but for the seconds."""
    nothing_else = {
        "branch": "",
        "conflicts": {},
        "note": "",
        "carried": [],
        "recipes": "",
        "left_deleted": [],
        "files": {},
    }
    versions = {"before": "v1.0.0", "after": "v1.1.0", "patch": ""}
    return {"path": path, "name": "lamps", "outcome": outcome} | versions | nothing_else | fields


def test_each_service_gets_a_branch_and_an_outcome(fleet: Fleet, shop: Path) -> None:
    run = fleet(shop, "update", "edited", "plain", "recent", "--json")

    moves = json.loads(run.output)["services"]
    conflicts = {"shared.txt": "changed here and in the template, in the same lines"}
    assert run.code == 2
    assert all(move.pop("seconds") > 0 for move in moves)
    assert moves == [
        moved("edited", "conflicts", branch=BRANCH, conflicts=conflicts),
        moved("plain", "updated", branch=BRANCH),
        moved("recent", "up to date", before="v1.1.0"),
    ]
    assert services.git(shop / "plain", "show", f"{BRANCH}:shared.txt") == (
        LINES.replace("line 5", "theirs")
    )
    assert "mine\n=======\ntheirs\n" in services.git(
        shop / "edited", "show", f"{BRANCH}:shared.txt"
    )


def test_people_are_told_by_a_table_and_by_sentences(fleet: Fleet, shop: Path) -> None:
    run = fleet(shop, "update", "edited", "plain", "recent", "nowhere")

    assert run.code == 1
    assert run.output.splitlines()[-4:] == [
        "edited: shared.txt: changed here and in the template, in the same lines",
        "nowhere: There is no folder nowhere.",
        "up to date: 1, updated: 1, conflicts: 1, refused: 1.",
        f"Branches: {BRANCH}.",
    ]


def test_nothing_but_the_branch_changes_in_a_service(fleet: Fleet, shop: Path) -> None:
    (shop / "plain/shared.txt").touch()  # `git status` would refresh the index
    before = state(shop)
    before_in_git = refs(shop)

    fleet(shop, "update", "edited", "plain", "recent", "--check", "touch made")

    in_git = refs(shop)
    assert state(shop) == before
    assert [name for name in in_git if in_git[name].pop(f"refs/heads/{BRANCH}", None)] == [
        "edited",
        "plain",
    ]
    assert in_git == before_in_git


def test_a_second_run_changes_nothing_and_tells_the_same(fleet: Fleet, shop: Path) -> None:
    everything = ("update", "edited", "plain", "recent", "--json")
    first = fleet(shop, *everything)
    before = refs(shop)

    second = fleet(shop, *everything)

    assert (second.code, outcomes(second)) == (2, outcomes(first))
    assert refs(shop) == before


def test_checks_run_only_when_asked_and_their_failure_is_remembered(
    fleet: Fleet, shop: Path
) -> None:
    check = ("--check", "echo no; exit 3")

    first = fleet(shop, "update", "edited", "plain", "recent", "--json", *check)
    second = fleet(shop, "update", "plain", "--json")

    classes = {"edited": "conflicts", "plain": "checks failed", "recent": "up to date"}
    assert (first.code, outcomes(first)) == (2, classes)
    assert json.loads(first.output)["services"][1]["note"] == "`echo no; exit 3` exited with 3: no"
    assert (second.code, outcomes(second)) == (3, {"plain": "checks failed"})
    assert not (shop / "plain/.git/made").exists()


def test_checks_see_the_updated_files(fleet: Fleet, shop: Path) -> None:
    run = fleet(shop, "update", "plain", "--json", "--check", "grep -q theirs shared.txt")

    assert (run.code, outcomes(run)) == (0, {"plain": "updated"})


def test_a_branch_on_which_people_resolve_conflicts_is_left_to_them(
    fleet: Fleet, shop: Path
) -> None:
    fleet(shop, "update", "edited")
    service = shop / "edited"
    services.git(service, "switch", "--quiet", BRANCH)
    (service / "other.txt").write_text("mine\n")
    services.commit(service, "Begin")
    services.git(service, "switch", "--quiet", "main")
    begun = fleet(shop, "update", "edited", "--json")
    services.git(service, "switch", "--quiet", BRANCH)
    (service / "shared.txt").write_text("resolved\n")
    services.commit(service, "Resolve")
    services.git(service, "switch", "--quiet", "main")

    done = fleet(shop, "update", "edited", "--json")

    assert json.loads(begun.output)["services"][0]["conflicts"] == {
        "shared.txt": "has conflict markers"
    }
    assert (done.code, outcomes(done)) == (0, {"edited": "updated"})
    assert services.git(service, "show", f"{BRANCH}:shared.txt") == "resolved\n"


def test_patches_hold_what_the_branches_add(fleet: Fleet, shop: Path) -> None:
    run = fleet(shop, "update", "edited", "plain", "recent", "--patches", "out", "--json")

    assert [move["patch"] for move in json.loads(run.output)["services"]] == [
        "out/edited.patch",
        "out/plain.patch",
        "",
    ]
    applied = shop / "applied"
    services.git(shop, "clone", "--quiet", "plain", "applied")
    services.git(applied, "am", "--quiet", str(shop / "out/plain.patch"))
    assert services.git(applied, "rev-parse", "HEAD^{tree}") == services.git(
        shop / "plain", "rev-parse", f"{BRANCH}^{{tree}}"
    )


def test_services_in_one_repository_get_a_branch_each(
    fleet: Fleet, toy: Toy, tmp_path: Path
) -> None:
    mono = tmp_path / "mono"
    for name in ("lamps", "books"):
        toy.service(mono / "services" / name)
    services.commit(mono, "Start")
    toy.release("v1.1.0", {"template/shared.txt": LINES.replace("line 5", "theirs")})

    run = fleet(mono, "update", "services/lamps", "services/books", "--json")

    assert (run.code, outcomes(run)) == (0, {"lamps": "updated", "books": "updated"})
    assert services.git(mono, "branch", "--format=%(refname:short)").split() == [
        "main",
        "template-update/services/books/v1.1.0",
        "template-update/services/lamps/v1.1.0",
    ]


def test_a_conflict_without_markers_is_remembered(fleet: Fleet, toy: Toy, shop: Path) -> None:
    toy.release("v1.2.0", {"template/shared.txt": None})
    fleet(shop, "update", "edited")

    again = fleet(shop, "update", "edited", "--json")

    [found] = json.loads(again.output)["services"]
    assert (again.code, found["conflicts"]) == (
        2,
        {"shared.txt": "changed here, removed by the template"},
    )


def test_a_branch_is_its_services_authors(fleet: Fleet, shop: Path) -> None:
    for key, value in {"name": "Ada", "email": "ada@example.org"}.items():
        services.git(shop / "plain", "config", f"user.{key}", value)

    fleet(shop, "update", "plain")

    authors = services.git(shop / "plain", "log", "-1", "--format=%an <%ae>, %cn", BRANCH)
    assert authors == "Ada <ada@example.org>, Ada\n"


def test_a_service_that_is_named_twice_is_updated_once(fleet: Fleet, shop: Path) -> None:
    run = fleet(shop, "update", "plain", "recent", "../shop/plain", "--json")

    assert [move["path"] for move in json.loads(run.output)["services"]] == ["plain", "recent"]


def test_a_run_that_is_killed_goes_on_where_it_was(shop: Path) -> None:
    command = [str(Path(sysconfig.get_path("scripts"), "fleet")), "update", "edited", "plain"]
    edit(shop / "plain", "settings.txt", "8000", "9000")
    os.mkfifo(shop / "begun")
    wait = f"until git -C {shop}/edited rev-parse -q --verify {BRANCH}; do sleep 0.1; done"

    with subprocess.Popen(
        [*command, "--check", f"{wait}; echo > {shop}/begun; exec sleep 1000"], cwd=shop
    ) as killed:
        (shop / "begun").read_text()
        killed.kill()
    half = refs(shop)
    again = subprocess.run([*command, "--json"], cwd=shop, check=False, capture_output=True)

    assert [name for name in half if f"refs/heads/{BRANCH}" in half[name]] == ["edited"]
    assert [move["outcome"] for move in json.loads(again.stdout)["services"]] == [
        "conflicts",
        "updated",
    ]
    assert refs(shop)["edited"] == half["edited"]
