"""What the template asks, and which answers it refuses."""

import random
import re
from pathlib import Path
from typing import Any

import copier
import pytest
import yaml
from copier._main import Worker

from tests.support import services

CONFIGURATION: dict[str, Any] = yaml.safe_load((services.ROOT / "copier.yml").read_text())
QUESTIONS = {key: value for key, value in CONFIGURATION.items() if not key.startswith("_")}
VALID_NAME = re.compile(r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?")


def answers(questions: Path, folder: Path, **given: object) -> dict[str, Any]:
    """The answers that a service in this folder gets."""
    worker = copier.run_copy(str(questions), folder, data=given, defaults=True, quiet=True)
    return {name: worker.answers.combined[name] for name in QUESTIONS}


def test_ten_questions_are_asked_and_five_are_only_stored() -> None:
    asked = [name for name, question in QUESTIONS.items() if question.get("ask", True)]
    stored = [name for name, question in QUESTIONS.items() if not question.get("ask", True)]

    assert asked == [
        "service_name",
        "description",
        "postgres_version",
        "container",
        "ci",
        "auth",
        "jobs",
        "license",
        "telemetry",
        "kubernetes",
    ]
    assert stored == [
        "team",
        "http_port",
        "python_image_version",
        "python_image",
        "license_holder",
    ]


def test_no_question_is_computed_or_secret() -> None:
    properties = {name for question in QUESTIONS.values() for name in question}

    assert properties == {"type", "help", "default", "choices", "validator", "ask"}


@pytest.mark.parametrize("name", QUESTIONS)
def test_the_help_says_what_the_answer_changes_and_whether_it_can_change_later(name: str) -> None:
    text = QUESTIONS[name]["help"]

    what, can_change, _ = re.split(r"(?<=[.?)] )(Can(?:not)? change later)", text)

    assert len(what) > 20
    assert can_change in {"Can change later", "Cannot change later"}
    assert len(text) <= 70


def test_every_question_has_a_default_that_works(questions: Path, tmp_path: Path) -> None:
    assert answers(questions, tmp_path / "lamps") == {
        "service_name": "lamps",
        "description": "An async FastAPI service on Postgres.",
        "postgres_version": 18,
        "container": True,
        "ci": "github",
        "auth": "none",
        "jobs": False,
        "license": "proprietary",
        "telemetry": False,
        "kubernetes": False,
        "team": "",
        "http_port": 8000,
        "python_image_version": "3.14",
        "python_image": "",
        "license_holder": "",
    }


@pytest.mark.parametrize(
    ("folder", "service_name"),
    [
        ("lamps", "lamps"),
        ("My_Svc", "my-svc"),
        ("my service", "my-service"),
        ("a--b", "a-b"),
        ("-lamps-", "lamps"),
        ("9lives", "lives"),
        ("123", "service"),
        ("...", "service"),
        ("日本", "service"),
        ("Größe", "gr-e"),
        ("İstanbul", "i-stanbul"),
        ("🎉 party", "party"),
        ("{{ x }}", "x"),
        ("it's \"1\" \\ '", "it-s-1"),
        ("two\nlines", "two-lines"),
        ("null", "null"),
        ("0x1e3", "x1e3"),
        ("a" * 60, "a" * 40),
        ("a" * 39 + "-" + "b" * 20, "a" * 39),
        ("1" * 20 + "a" * 60, "a" * 40),
    ],
)
def test_the_folder_names_the_service(
    questions: Path, tmp_path: Path, folder: str, service_name: str
) -> None:
    assert answers(questions, tmp_path / folder)["service_name"] == service_name


def test_the_default_name_is_valid_for_every_folder(questions: Path, tmp_path: Path) -> None:
    some = random.Random(2)
    alphabets = ["aZ9-_ .", "".join(map(chr, range(1, 0x250))), "a-1éß日🎉İK\n\t'\"\\{}%#"]
    folders = ["".join(some.choices(a, k=some.randint(1, 60))) for a in alphabets * 500]

    with Worker(src_path=str(questions), dst_path=tmp_path, quiet=True) as worker:
        default = worker.jinja_env.from_string(QUESTIONS["service_name"]["default"])
        names = {folder: default.render(_folder_name=folder) for folder in folders}

    assert {f: name for f, name in names.items() if not VALID_NAME.fullmatch(name)} == {}


@pytest.mark.parametrize("name", ["a", "a1", "a--b", "a" * 40, "l-a-m-p-5", "null"])
def test_valid_names_are_taken(questions: Path, tmp_path: Path, name: str) -> None:
    assert answers(questions, tmp_path / "lamps", service_name=name)["service_name"] == name


def name_is_not_valid(shown: str, suggestion: str) -> str:
    return (
        f"Try \"{suggestion}\": a service name is 1 to 40 of a-z, 0-9 and '-', "
        f'starts with a letter and does not end with a hyphen. "{shown}" is not valid.'
    )


ONE_LINE = "Write one line without control characters for the description."
IMAGE = 'Write the name of an image, such as registry.example.com/python:3.14: "{}" is not valid.'
HOLDER = "Write one line of text without control characters for the licence holder."
OWNER = (
    'Write @user, @organization/team or an e-mail address: CODEOWNERS cannot name the team "{}".'
)
PYTHON = 'Write a minor version such as "3.14", 3.11 or newer: Python "{}" is not supported.'
REFUSED: list[tuple[str, object, str]] = [
    ("service_name", "my_service", name_is_not_valid("my_service", "my-service")),
    ("service_name", "", name_is_not_valid("", "service")),
    ("service_name", "a" * 41, name_is_not_valid("a" * 41, "a" * 40)),
    ("service_name", "Lamps", name_is_not_valid("Lamps", "lamps")),
    ("service_name", "lamps-", name_is_not_valid("lamps-", "lamps")),
    ("service_name", "-lamps", name_is_not_valid("-lamps", "lamps")),
    ("service_name", "5lamps", name_is_not_valid("5lamps", "lamps")),
    ("service_name", "lamps\n", name_is_not_valid(r"lamps\n", "lamps")),
    ("service_name", "la\nmps", name_is_not_valid(r"la\nmps", "la-mps")),
    ("service_name", "größe", name_is_not_valid("größe", "gr-e")),
    ("service_name", '"{{ x }}"', name_is_not_valid(r"\"{{ x }}\"", "x")),
    ("description", "two\nlines", ONE_LINE),
    ("description", "line\r", ONE_LINE),
    ("description", "one\u2028two", ONE_LINE),
    ("description", "one\x85two", ONE_LINE),
    ("description", "a\x00b", ONE_LINE),
    ("description", "a\x7fb", ONE_LINE),
    ("postgres_version", 14, "Choose 15 or newer: Postgres 14 is not supported."),
    ("postgres_version", 0, "Choose 15 or newer: Postgres 0 is not supported."),
    ("team", "@acme/lamps @acme/tables", OWNER.format("@acme/lamps @acme/tables")),
    ("team", "the lamps team", OWNER.format("the lamps team")),
    ("team", "lamps", OWNER.format("lamps")),
    ("team", "@acme # lamps", OWNER.format("@acme # lamps")),
    ("team", "@acme\n", OWNER.format(r"@acme\n")),
    ("http_port", 80, "Choose a port from 1024 to 65535: 80 is not valid."),
    ("http_port", 65536, "Choose a port from 1024 to 65535: 65536 is not valid."),
    ("python_image_version", "3.10", PYTHON.format("3.10")),
    ("python_image_version", "3", PYTHON.format("3")),
    ("python_image_version", "3.14.1", PYTHON.format("3.14.1")),
    ("python_image_version", "latest", PYTHON.format("latest")),
    ("python_image", "python 3.14", IMAGE.format("python 3.14")),
    ("python_image", "python\nRUN x", IMAGE.format(r"python\nRUN x")),
    ("python_image", "$BASE", IMAGE.format("$BASE")),
    ("license_holder", "two\nlines", HOLDER),
    ("license_holder", "one\u2029two", HOLDER),
]


@pytest.mark.parametrize(
    ("name", "answer", "sentence"), REFUSED, ids=[f"{name}-{a!r:.20}" for name, a, _ in REFUSED]
)
def test_an_answer_that_is_not_valid_is_refused_with_a_sentence(
    questions: Path, tmp_path: Path, name: str, answer: object, sentence: str
) -> None:
    with pytest.raises(ValueError, match=name) as refusal:
        answers(questions, tmp_path / "lamps", **{name: answer})

    assert str(refusal.value) == f"Validation error for question '{name}': {sentence}"


@pytest.mark.parametrize(
    ("name", "answer", "values"),
    [
        ("ci", "jenkins", ["github", "gitlab", "none"]),
        ("auth", "saml", ["none", "oidc"]),
        ("license", "GPL-3.0", ["proprietary", "MIT", "Apache-2.0"]),
    ],
)
def test_an_unknown_choice_is_refused(
    questions: Path, tmp_path: Path, name: str, answer: str, values: list[str]
) -> None:
    with pytest.raises(ValueError, match=name) as refusal:
        answers(questions, tmp_path / "lamps", **{name: answer})

    assert str(refusal.value) == f"Invalid choice for '{name}': {answer!r} is not in {values}"


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("description", ""),
        ("postgres_version", 15),
        ("postgres_version", 19),
        ("team", ""),
        ("team", "@lamps"),
        ("team", "@acme/lamps"),
        ("team", "@acme/house/lamps.and-tables_1"),
        ("team", "@@developer"),
        ("team", "lamps@example.org"),
        ("http_port", 1024),
        ("http_port", 65535),
        ("python_image_version", "3.11"),
        ("python_image_version", "3.20"),
        ("python_image", "registry.example.com:5000/a/b_c:3.14-slim@sha256:0a"),
        ("license_holder", 'Ärm "x" {{ y }}'),
    ],
)
def test_an_answer_at_the_edge_is_taken(
    questions: Path, tmp_path: Path, name: str, answer: object
) -> None:
    assert answers(questions, tmp_path / "lamps", **{name: answer})[name] == answer
