"""Presets: an answer that copier would ignore or make fit is an error that names it."""

from pathlib import Path

import pytest

from tests.fleet.conftest import Fleet
from tests.fleet.toys import FIRST, Toy, status
from tests.support import services

MORE = """
flag: {type: bool, default: true}
ratio: {type: float, default: 1.5}
ci: {type: str, default: github, choices: {GitHub: github, GitLab: gitlab}}
many: {type: str, multiselect: true, default: [a], choices: [a, b]}
rest: {type: yaml, default: {}}
where: {type: path, default: here}
computed: {type: str, default: x, when: false}
short: 3
"""


@pytest.fixture
def asked(toy: Toy) -> Toy:
    """A template with a question of each kind."""
    toy.release("v1.1.0", {"copier.yml": f"{FIRST['copier.yml']}{MORE}"})
    return toy


@pytest.fixture
def preset(tmp_path: Path) -> Path:
    return tmp_path / "preset.yml"


def test_answers_that_a_template_takes_are_confirmed(
    fleet: Fleet, asked: Toy, preset: Path
) -> None:
    preset.write_text(
        "port: 9000\nflag: false\nratio: 2\nci: gitlab\nmany: [b]\nrest: [1]\nshort: 4\n"
    )

    run = fleet(preset.parent, "preset", str(preset), "--template", str(asked.folder))

    assert (run.code, run.output) == (
        0,
        "Version v1.1.0 of the template accepts the answers: "
        "port, flag, ratio, ci, many, rest, short.\n",
    )


TEXT = "takes text, in quotes where YAML would read another type, not"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("colour: red", "Version v1.1.0 of the template does not ask colour. Its questions: ci, "),
        ("_src_path: x", "_src_path is copier's own, not an answer."),
        ("1: x", "Version v1.1.0 of the template does not ask 1. "),
        ("computed: y", "The template computes computed: it takes no answer."),
        ("port: '80'", 'port takes a whole number, not "80".'),
        ("port: 80.7", "port takes a whole number, not 80.7."),
        ("port: true", "port takes a whole number, not true."),
        ("port: ", "port takes a whole number, not null."),
        ("short: x", 'short takes a whole number, not "x".'),
        ("flag: perhaps", 'flag takes true or false, not "perhaps".'),
        ("flag: 3", "flag takes true or false, not 3."),
        ("ratio: x", 'ratio takes a number, not "x".'),
        ("service_name: 3.10", f"service_name {TEXT} 3.1."),
        ("service_name: yes", f"service_name {TEXT} true."),
        ("service_name: 2026-11-22", f'service_name {TEXT} "2026-11-22".'),
        ("where: 3", f"where {TEXT} 3."),
        ("many: a", 'many takes a list, not "a".'),
        ("many: [1]", f"many {TEXT} 1."),
        (
            "many: [c]",
            'Version v1.1.0 of the template refuses the answer many = ["c"]: '
            "'c' is not in ['a', 'b']",
        ),
        (
            "ci: jenkins",
            'Version v1.1.0 of the template refuses the answer ci = "jenkins": '
            "'jenkins' is not in ['github', 'gitlab']",
        ),
        (
            "port: 0",
            "Version v1.1.0 of the template refuses the answer port = 0: No such port.",
        ),
        ("a: [", "{file} is not valid YAML: "),
        ("- a", "{file} has no answers: write a line `question: answer` for each."),
        ("", "{file} has no answers: write a line `question: answer` for each."),
        (None, "{file} cannot be read: No such file or directory."),
    ],
)
def test_answers_that_a_template_does_not_take_are_refused_by_name_and_value(
    fleet: Fleet, asked: Toy, preset: Path, text: str | None, sentence: str
) -> None:
    if text is not None:
        preset.write_text(text)

    run = fleet(preset.parent, "preset", str(preset), "--template", str(asked.folder))

    assert (run.code, run.output) == (1, "")
    assert run.errors.startswith(f"fleet: {sentence.format(file=preset)}")
    assert len(run.errors.splitlines()) == 1


def test_a_preset_is_checked_against_the_version_that_is_named(
    fleet: Fleet, asked: Toy, preset: Path
) -> None:
    preset.write_text("ci: gitlab\n")

    run = fleet(
        preset.parent, "preset", str(preset), "--template", str(asked.folder), "--to", "v1.0.0"
    )

    assert run.errors == (
        "fleet: Version v1.0.0 of the template does not ask ci. "
        "Its questions: port, service_name.\n"
    )


def test_the_presets_of_this_repository_are_taken(
    fleet: Fleet, template: Path, preset: Path
) -> None:
    preset.write_text('team: "@acme/platform"\nci: gitlab\npython_image_version: "3.13"\n')

    run = fleet(preset.parent, "preset", str(preset), "--template", str(template))

    assert run.output.endswith("accepts the answers: team, ci, python_image_version.\n")


def test_a_service_takes_a_preset_once_and_the_command_line_wins(
    fleet: Fleet, lamps: Path, preset: Path
) -> None:
    preset.write_text("port: 9000\nservice_name: bulbs\n")
    update = ("service", "update", "--data-file", str(preset), "--data", "port=9001")

    first = fleet(lamps, *update)
    services.commit(lamps, "Take the preset")
    second = fleet(lamps, *update)

    assert (first.code, (lamps / "settings.txt").read_text()) == (0, "port 9001\n")
    assert "service_name: bulbs\n" in (lamps / ".copier-answers.yml").read_text()
    assert (second.code, second.output) == (
        0,
        "bulbs is up to date with the template: v1.0.0.\n",
    )


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ("port=[", "The answer port=[ is not valid YAML: "),
        ("port=80.7", "port takes a whole number, not 80.7."),
        ("colour=red", "Version v1.0.0 of the template does not ask colour. "),
    ],
)
def test_an_answer_of_the_command_line_that_does_not_fit_is_refused(
    fleet: Fleet, lamps: Path, answer: str, sentence: str
) -> None:
    run = fleet(lamps, "service", "update", "--data", answer)

    assert (run.code, status(lamps)) == (1, [])
    assert run.errors.startswith(f"fleet: {sentence}")


def test_an_answer_of_the_command_line_is_text_where_text_is_asked(
    fleet: Fleet, lamps: Path
) -> None:
    fleet(lamps, "service", "update", "--data", "service_name=3.10")

    assert "service_name: '3.10'\n" in (lamps / ".copier-answers.yml").read_text()


def test_questions_that_cannot_be_read_are_an_error(fleet: Fleet, toy: Toy, preset: Path) -> None:
    toy.release("v1.1.0", {"copier.yml": "a: ["})
    preset.write_text("port: 9000\n")

    run = fleet(preset.parent, "preset", str(preset), "--template", str(toy.folder))

    assert run.errors.startswith("fleet: copier.yml of version v1.1.0 cannot be read: ")
