"""`fleet update`: a branch in each service, made beside it; nothing else of a service changes."""

import json
import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest

from tests.fleet.conftest import Fleet, Run
from tests.fleet.toys import FIRST, LINES, Toy, edit
from tests.fleet.untouched import refs, state
from tests.support import services

pytestmark = pytest.mark.slow

BRANCH = "template-update/v1.1.0"
THEIRS: dict[str, str | None] = {"template/shared.txt": LINES.replace("line 5", "theirs")}


@pytest.fixture
def shop(toy: Toy, lamps: Path, tmp_path: Path) -> Path:
    """A folder with three services: one that is edited in the same line as v1.1.0, one that is
    not, and one that is at v1.1.0 already."""
    folder = tmp_path / "shop"
    for name in ("edited", "plain"):
        shutil.copytree(lamps, folder / name)
    edit(folder / "edited", "shared.txt", "line 5", "mine")
    toy.release("v1.1.0", THEIRS)
    services.commit(toy.service(folder / "recent", "v1.1.0"), "Start from the template")
    return folder


def outcomes(run: Run) -> dict[str, str]:
    return {Path(it["path"]).name: it["outcome"] for it in json.loads(run.output)}


def test_each_service_gets_a_branch_and_a_class(fleet: Fleet, shop: Path) -> None:
    run = fleet(shop, "update", "edited", "plain", "recent", "--json")

    moves = json.loads(run.output)
    assert run.code == 2
    assert all(it.pop("seconds") > 0 for it in moves)
    common: dict[str, object] = {"name": "lamps", "after": "v1.1.0", "note": "", "patch": ""}
    common |= {"carried": [], "recipes": ""}
    assert moves == [
        common
        | {"path": "edited", "outcome": "conflicts", "before": "v1.0.0", "branch": BRANCH}
        | {"conflicts": {"shared.txt": "changed here and in the template, in the same lines"}},
        common
        | {"path": "plain", "outcome": "updated", "before": "v1.0.0", "branch": BRANCH}
        | {"conflicts": {}},
        common
        | {"path": "recent", "outcome": "up to date", "before": "v1.1.0", "branch": ""}
        | {"conflicts": {}},
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
        "1 up to date, 1 updated, 1 conflicts, 1 refused.",
        f"Branches: {BRANCH}.",
    ]


def test_nothing_but_the_branch_changes_in_a_service(fleet: Fleet, shop: Path) -> None:
    (shop / "plain/shared.txt").touch()  # `git status` would refresh the index
    before = state(shop)
    heads = refs(shop)

    fleet(shop, "update", "edited", "plain", "recent", "--check", "touch made")

    heads_now = refs(shop)
    assert state(shop) == before
    assert [now.startswith(then) for then, now in zip(heads, heads_now, strict=True)] == [True] * 3
    assert [now != then for then, now in zip(heads, heads_now, strict=True)] == [True, True, False]


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
    assert json.loads(first.output)[1]["note"] == "`echo no; exit 3` exited with 3: no"
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

    assert json.loads(begun.output)[0]["conflicts"] == {"shared.txt": "has conflict markers"}
    assert (done.code, outcomes(done)) == (0, {"edited": "updated"})
    assert services.git(service, "show", f"{BRANCH}:shared.txt") == "resolved\n"


def test_a_branch_of_that_name_without_the_update_is_refused(fleet: Fleet, shop: Path) -> None:
    services.git(shop / "plain", "branch", BRANCH)

    run = fleet(shop, "update", "plain", "--json")

    assert run.code == 1
    assert json.loads(run.output)[0]["note"] == (
        f"The branch {BRANCH} of plain does not have the update to v1.1.0: "
        f"delete it with `git branch --delete --force {BRANCH}`, or rename it."
    )


def test_an_older_version_is_one_that_a_service_has_already(fleet: Fleet, shop: Path) -> None:
    run = fleet(shop, "update", "plain", "recent", "--to", "v1.0.0", "--json")

    assert (run.code, outcomes(run)) == (0, {"plain": "up to date", "recent": "up to date"})


def test_patches_hold_what_the_branches_add(fleet: Fleet, shop: Path) -> None:
    run = fleet(shop, "update", "edited", "plain", "recent", "--patches", "out", "--json")

    assert [it["patch"] for it in json.loads(run.output)] == [
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
    toy.release("v1.1.0", THEIRS)

    run = fleet(mono, "update", "services/lamps", "services/books", "--json")

    assert (run.code, outcomes(run)) == (0, {"lamps": "updated", "books": "updated"})
    assert services.git(mono, "branch", "--format=%(refname:short)").split() == [
        "main",
        "template-update/services/books/v1.1.0",
        "template-update/services/lamps/v1.1.0",
    ]


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

    notes = [it["note"] for it in json.loads(run.output)]
    assert run.code == 1
    assert [note.partition(":")[0] for note in notes] == [
        "broken/.copier-answers.yml is not valid YAML",
        "The template /dev/null/nowhere cannot be cloned; git says",
        f"The template {shop.parent}/template has no version v7 (its newest",
        "dirty has uncommitted changes (shared.txt)",
        "bare is not in a git repository",
        "",
    ]
    assert outcomes(run)["plain"] == "updated"


def test_what_cannot_be_updated_is_told_of_the_service_not_of_its_clone(
    fleet: Fleet, shop: Path
) -> None:
    services.git(shop / "plain", "switch", "--quiet", "--create", "template-update")

    run = fleet(shop, "update", "plain", "--json")

    [moved] = json.loads(run.output)
    assert (run.code, moved["outcome"]) == (1, "refused")
    assert moved["note"].startswith(f"The branch {BRANCH} cannot be created in plain. ")


def test_a_template_that_wants_to_run_code_is_refused(fleet: Fleet, toy: Toy, shop: Path) -> None:
    toy.release("v1.2.0", {"copier.yml": f"{FIRST['copier.yml']}_tasks: ['touch ran']\n"})

    run = fleet(shop, "update", "plain", "--json")

    assert (run.code, outcomes(run)) == (1, {"plain": "refused"})
    assert "unsafe" in json.loads(run.output)[0]["note"]
    assert services.git(shop / "plain", "branch") == "* main\n"


def test_a_conflict_without_markers_is_remembered(fleet: Fleet, toy: Toy, shop: Path) -> None:
    toy.release("v1.2.0", {"template/shared.txt": None})
    fleet(shop, "update", "edited")

    again = fleet(shop, "update", "edited", "--json")

    [found] = json.loads(again.output)
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

    assert [it["path"] for it in json.loads(run.output)] == ["plain", "recent"]


def test_a_run_that_is_killed_goes_on_where_it_was(shop: Path) -> None:
    command = [str(Path(sysconfig.get_path("scripts"), "fleet")), "update", "edited", "plain"]
    edit(shop / "plain", "settings.txt", "8000", "9000")
    wait = f"until git -C {shop}/edited rev-parse -q --verify {BRANCH}; do sleep 0.1; done"
    kill = f"test ! -e settings.txt || {{ {wait}; kill -9 0; }}"

    killed = subprocess.run(
        [*command, "--check", kill], cwd=shop, check=False, start_new_session=True
    )
    half = refs(shop)
    again = subprocess.run([*command, "--json"], cwd=shop, check=False, capture_output=True)

    assert killed.returncode == -9
    assert [BRANCH in it for it in half] == [True, False, False]
    assert [it["outcome"] for it in json.loads(again.stdout)] == ["conflicts", "updated"]
    assert refs(shop)[0] == half[0]


WAVES = (
    '[waves]\ncanary = ["../shop/plain"]\nrest = ["../shop/edited", "../shop/recent"]\nbad = "x"\n'
)


@pytest.fixture
def waves(shop: Path, tmp_path: Path) -> Path:
    file = tmp_path / "fleet" / "waves.toml"
    file.parent.mkdir()
    file.write_text(WAVES)
    return file


def test_a_wave_updates_its_services_alone(fleet: Fleet, shop: Path, waves: Path) -> None:
    elsewhere = shop / "plain"  # the folders are relative to the file

    run = fleet(elsewhere, "update", "--waves", str(waves), "--wave", "canary", "--json")

    assert (run.code, outcomes(run)) == (0, {"plain": "updated"})
    assert BRANCH not in services.git(shop / "edited", "show-ref")


@pytest.mark.parametrize(
    ("text", "arguments", "sentence"),
    [
        (WAVES, ["--wave", "x"], "{file} has no wave x. Its waves: canary, rest, bad."),
        (WAVES, [], "Name a wave of {file} with --wave. Its waves: canary, rest, bad."),
        (WAVES, ["--wave", "bad"], "The wave bad of {file} must be a list, such as "),
        ("[waves", ["--wave", "x"], "{file} is not valid TOML: "),
        ("waves = 1", ["--wave", "x"], "{file} has no waves: write [waves] and canary = "),
        (None, ["--wave", "x"], "{file} cannot be read: No such file or directory."),
    ],
)
def test_a_wave_that_makes_no_sense_is_refused(
    fleet: Fleet, waves: Path, text: str | None, arguments: list[str], sentence: str
) -> None:
    waves.unlink() if text is None else waves.write_text(text)

    run = fleet(waves.parent, "update", "--waves", str(waves), *arguments)

    assert (run.code, run.output) == (1, "")
    assert run.errors.startswith(f"fleet: {sentence.format(file=waves)}")


def test_a_wave_needs_its_file(fleet: Fleet, shop: Path) -> None:
    run = fleet(shop, "update", "--wave", "canary")

    assert run.errors == "fleet: Name the file that defines the wave canary with --waves.\n"
