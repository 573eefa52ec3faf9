"""Which version and which answers `fleet service update` takes."""

from pathlib import Path

import pytest

from tests.fleet.conftest import Fleet
from tests.fleet.toys import FIRST, Toy, status
from tests.support import services

UPDATE = ("service", "update")
NEXT = "template/next.txt"


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
