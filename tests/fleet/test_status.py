"""`fleet status`: what is told of each service, and that a bad one does not stop the run."""

import json
import re
from dataclasses import asdict, fields
from datetime import date
from pathlib import Path

import pytest

from fleet.errors import FleetError
from fleet.output import as_json
from fleet.service import WAIVERS_FILE
from fleet.status import Status
from fleet.waivers import Waiver
from tests.fleet.conftest import Fleet
from tests.fleet.toys import LINES, Toy, edit, status_of
from tests.fleet.toys import status as git_status
from tests.support import services

WAIVER = '[[waiver]]\npath = "/owned*"\nreason = "Ours is faster."\nexpires = 2027-03-01\n'


def test_a_status_tells_version_age_answers_drift_and_waivers(
    today: str, toy: Toy, lamps: Path
) -> None:
    for version in ("v1.1.0", "v1.2.0", "v2.0.0rc1"):
        toy.release(version, {"template/next.txt": version})
    (lamps / WAIVERS_FILE).write_text(WAIVER)
    edit(lamps, "owned.txt", "line 5", "mine")

    told = status_of(lamps)

    assert told == Status(
        path=str(lamps),
        name="lamps",
        template=str(toy.folder),
        version="v1.0.0",
        release="v1.0.0",
        newest="v1.2.0",
        behind=2,
        updated=date.fromisoformat(today),
        version_since=date.fromisoformat(today),
        committed=date.fromisoformat(today),
        answers={"service_name": "lamps", "port": 8000},
        drift=["owned.txt"],
        waivers=[Waiver(path="/owned*", reason="Ours is faster.", expires=date(2027, 3, 1))],
    )


def test_releases_that_a_version_does_not_hold_are_those_behind(toy: Toy, tmp_path: Path) -> None:
    toy.change({"template/next.txt": "not released\n"})
    services.commit(toy.folder, "More")
    service = toy.service(tmp_path / "service", "HEAD")
    services.commit(service, "Start")
    services.git(toy.folder, "switch", "--quiet", "--create", "old", "v1.0.0")
    toy.release("v1.0.1", {"template/fix.txt": "fixed\n"})

    told = status_of(service)

    assert (told.release, told.newest, told.behind) == ("v1.0.0", "v1.0.1", 1)


def test_conflicts_are_found_in_a_clone_and_nothing_changes(toy: Toy, lamps: Path) -> None:
    edit(lamps, "shared.txt", "line 5", "mine")
    toy.release("v1.1.0", {"template/shared.txt": LINES.replace("line 5", "theirs")})
    (lamps / "new.txt").write_text("not committed\n")
    before = services.git(lamps, "rev-list", "--all", "--objects")

    told = status_of(lamps, conflicts=True)

    assert told.conflicts == {"shared.txt": "changed here and in the template, in the same lines"}
    assert git_status(lamps) == ["?? new.txt"]
    assert services.git(lamps, "rev-list", "--all", "--objects") == before


def test_a_service_in_a_folder_of_a_repository_is_tried_too(toy: Toy, tmp_path: Path) -> None:
    service = toy.service(tmp_path / "mono" / "lamps")
    (service / "shared.txt").write_text(LINES.replace("line 5", "mine"))
    services.commit(tmp_path / "mono", "Start")
    toy.release("v1.1.0", {"template/shared.txt": LINES.replace("line 5", "theirs")})

    told = status_of(service, conflicts=True)

    assert list(told.conflicts or {}) == ["shared.txt"]


def test_a_service_at_the_newest_release_has_no_conflicts(lamps: Path) -> None:
    told = status_of(lamps, conflicts=True)

    assert (told.behind, told.conflicts) == (0, {})


def test_what_hinders_an_update_names_the_service_and_not_its_clone(toy: Toy, lamps: Path) -> None:
    services.git(lamps, "rm", "--quiet", "--cached", ".copier-answers.yml")
    services.git(lamps, "commit", "--quiet", "-m", "Forget it")
    toy.release("v1.1.0", {"template/next.txt": "next\n"})

    with pytest.raises(FleetError) as error:
        status_of(lamps, conflicts=True)

    assert str(error.value).startswith(f"{lamps} has no .copier-answers.yml: ")


@pytest.mark.parametrize(
    "files",
    [
        {"template/owned2.txt.jinja": "{{ port }}\n"},
        {"template/owned2.txt.jinja": "{{ _copier_conf.vcs_ref_hash }}\n{{ port }}\n"},
        {"template/owned2.txt.jinja": "{{ port }}\n", ".gitmodules": ""},
    ],
)
def test_drift_is_the_same_for_templates_that_copier_has_to_clone(
    toy: Toy, tmp_path: Path, files: dict[str, str | None]
) -> None:
    toy.release("v1.1.0", files)
    service = toy.service(tmp_path / "service", "v1.1.0")
    services.commit(service, "Start")
    untouched = status_of(service).drift
    edit(service, "owned2.txt", "8000", "8001")
    edit(service, "owned.txt", "line 5", "mine")

    told = status_of(service)

    assert (untouched, told.drift) == ([], ["owned.txt", "owned2.txt"])


# copier leaves a folder open that it was reading when the error came.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_template_with_an_error_is_told_in_a_sentence(toy: Toy, tmp_path: Path) -> None:
    service = toy.service(tmp_path / "service")
    services.commit(service, "Start")
    toy.release("v1.1.0", {"template/owned2.txt.jinja": "{{ 1 +\n"})
    recorded = (service / ".copier-answers.yml").read_text()
    (service / ".copier-answers.yml").write_text(recorded.replace("v1.0.0", "v1.1.0"))
    services.commit(service, "Record it")

    with pytest.raises(FleetError, match=r"Version v1\.1\.0 of the template does not render"):
        status_of(service)


@pytest.mark.slow
def test_bad_services_get_a_sentence_each_and_the_others_are_told(
    fleet: Fleet, toy: Toy, lamps: Path, tmp_path: Path
) -> None:
    bad = {
        "nothing": "There is no folder {folder}.",
        "bare": "{folder} is not in a git repository: run `git init` and commit it.",
        "other": "{folder} has no .copier-answers.yml: it was not made by `copier copy`.",
        "unknown": "The template {template} has no version v7 (its newest: v1.0.0).",
        "lost": "The template /dev/null/nowhere is not allowed; allowed: ",
        "yaml": "{folder}/.copier-answers.yml is not valid YAML: ",
        "waiver": "{folder}/.template-waivers.toml is not valid: unknown key waivers.",
    }
    (tmp_path / "bare").mkdir()
    answers = {"unknown": f"_src_path: {toy.folder}\n_commit: v7\n", "yaml": "a: ["}
    answers["lost"] = "_src_path: /dev/null/nowhere\n_commit: v1.0.0\n"
    answers["waiver"] = (lamps / ".copier-answers.yml").read_text()
    for name in ("other", "unknown", "lost", "yaml", "waiver"):
        (tmp_path / name).mkdir()
        if name in answers:
            (tmp_path / name / ".copier-answers.yml").write_text(answers[name])
        services.commit(tmp_path / name, "Start")
    (tmp_path / "waiver" / WAIVERS_FILE).write_text("[[waivers]]\n")
    services.commit(tmp_path / "waiver", "Waive")
    (tmp_path / "repos.txt").write_text("\n".join([*bad, "lamps"]))

    run = fleet(tmp_path, "status", "--file", "repos.txt", "--json")

    told = json.loads(run.output)
    wanted = [sentence.format(folder=name, template=toy.folder) for name, sentence in bad.items()]
    errors = [service["error"] for service in told["services"]]
    assert [service["path"] for service in told["services"]] == [*bad, "lamps"]
    assert [error[: len(want)] for error, want in zip(errors, wanted, strict=False)] == wanted
    assert (run.code, run.errors, errors[-1]) == (1, "", None)


@pytest.mark.slow
def test_the_json_is_all_that_is_known(today: str, fleet: Fleet, lamps: Path) -> None:
    (lamps / WAIVERS_FILE).write_text(WAIVER)
    services.commit(lamps, "Waive")
    days = dict.fromkeys(("updated", "version_since", "committed"), today)
    known = asdict(status_of(lamps)) | {"path": "lamps"} | days
    waiver = {"path": "/owned*", "reason": "Ours is faster.", "expires": "2027-03-01"}

    run = fleet(lamps.parent, "status", "lamps", "--json")

    assert run.code == 0
    assert json.loads(run.output) == {
        "format": 2,
        "date": today,
        "services": [known | {"waivers": [waiver]}],
    }


@pytest.mark.slow
def test_the_table_has_a_row_for_each_service_and_shows_names_as_they_are(
    today: str, fleet: Fleet, toy: Toy, lamps: Path, tmp_path: Path
) -> None:
    toy.release("v1.1.0", {"template/next.txt": "next\n"})
    hostile = toy.service(tmp_path / "hostile", service_name="[red]\x1b[31mred")
    services.commit(hostile, "Start")
    (lamps / "Makefile").unlink()
    services.commit(lamps, "Without make")

    run = fleet(tmp_path, "status", "lamps", "hostile", "nothing", "--conflicts")

    rows = [[cell.strip() for cell in row.split("│")[1:-1]] for row in run.output.splitlines()]
    assert [row for row in rows if row] == [
        ["lamps", "v1.0.0", "1", today, "Makefile", "", ""],
        ["[red]�[31mred", "v1.0.0", "1", today, "", "", ""],
    ]
    assert run.output.endswith("nothing: There is no folder nothing.\n")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[[waiver]\n", "{file} is not valid TOML: "),
        (WAIVER.replace("path", "file"), "{file} is not valid: waiver 1, path is missing. "),
        (WAIVER + 'team = "x"\n', "{file} is not valid: unknown key waiver 1, team. "),
        (WAIVER.replace("/owned*", ""), "{file} is not valid: waiver 1, path is ''. "),
        (
            WAIVER + WAIVER.replace("2027-03-01", '"soon"'),
            "{file} is not valid: waiver 2, expires ",
        ),
        (WAIVER.replace("2027-03-01", "2027-03-01T00:00:00"), "{file} is not valid: waiver 1, exp"),
    ],
)
def test_waivers_that_are_wrong_are_refused(lamps: Path, text: str, sentence: str) -> None:
    file = lamps / WAIVERS_FILE
    file.write_text(text)
    services.commit(lamps, "Waive")

    with pytest.raises(FleetError) as error:
        status_of(lamps)

    assert str(error.value).startswith(sentence.format(file=file))


def test_an_answer_that_json_does_not_know_is_printed_all_the_same(lamps: Path) -> None:
    answers = lamps / ".copier-answers.yml"
    answers.write_text(answers.read_text() + "since: 2026-01-01\n")
    services.commit(lamps, "Answer")

    printed = json.loads(as_json(date(2026, 1, 2), [status_of(lamps)]))

    assert printed["services"][0]["answers"]["since"] == "2026-01-01"


def test_the_document_tells_every_key_of_the_json() -> None:
    text = (services.ROOT / "docs/fleet-reference.md").read_text()
    table = text.partition("| key of a service |")[2].partition("\n\n")[0]

    assert re.findall(r"(?m)^\| `(\w+)` \|", table) == [field.name for field in fields(Status)]
