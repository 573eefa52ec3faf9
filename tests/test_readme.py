"""What the READMEs and the Makefiles promise: questions, commands, figures, size."""

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support import services

Render = Callable[..., Path]

README = services.ROOT / "README.md"
QUESTIONS_PAGE = services.ROOT / "docs/questions.md"

CONFIGURATION: dict[str, Any] = yaml.safe_load((services.ROOT / "copier.yml").read_text())
QUESTIONS = {key: value for key, value in CONFIGURATION.items() if not key.startswith("_")}

# The defaults that are no plain values, in the words of the table.
DEFAULTS_IN_WORDS = {
    "python_image": "none",
    "service_name": "made from the folder's name",
    "team": "none",
    "license_holder": "the service's authors",
}

NUMBERS = {4: "four", 5: "five", 6: "six", 7: "seven", 8: "eight", 9: "nine", 10: "ten"}


def section(readme: str, title: str) -> str:
    """The text below a heading, up to the next one of its level."""
    _, _, rest = readme.partition(f"\n## {title}\n")
    return rest.partition("\n## ")[0]


def table(text: str) -> list[list[str]]:
    """The cells of a Markdown table, without its line of dashes."""
    rows = [line.strip("| ") for line in text.splitlines() if line.startswith("|")]
    return [re.split(r" +\| +", row) for row in rows if not set(row) <= set("|-: ")]


def default_in_words(name: str) -> str:
    default = QUESTIONS[name]["default"]
    plain = str(default).lower() if isinstance(default, bool) else str(default)
    return DEFAULTS_IN_WORDS.get(name, plain)


def test_the_table_of_questions_is_that_of_copier() -> None:
    header, *rows = table(QUESTIONS_PAGE.read_text())

    assert header == ["question", "default", "what it decides"]
    assert [row[:2] for row in rows] == [
        [f"`{name}`", default_in_words(name)] for name in QUESTIONS
    ]


def test_the_table_lists_the_questions_that_are_asked_first() -> None:
    asked = [bool(question.get("ask", True)) for question in QUESTIONS.values()]

    assert asked == sorted(asked, reverse=True)
    assert f"The first {NUMBERS[sum(asked)]} are asked" in QUESTIONS_PAGE.read_text()


def test_the_table_names_every_value_that_can_be_chosen() -> None:
    _, *rows = table(QUESTIONS_PAGE.read_text())

    chosen = {
        name.strip("`"): re.findall(r"`(.*?)`", decides)
        for name, _, decides in rows
        if QUESTIONS[name.strip("`")].get("choices")
    }

    assert chosen == {
        name: list(question["choices"].values())
        for name, question in QUESTIONS.items()
        if "choices" in question
    }


def test_the_readme_has_the_rows_of_the_questions_that_are_asked() -> None:
    rows = table(QUESTIONS_PAGE.read_text())

    shown = table(section(README.read_text(), "Start a service"))

    asked = [name for name, question in QUESTIONS.items() if question.get("ask", True)]
    assert shown == rows[: 1 + len(asked)]


def test_the_questions_page_says_what_the_help_says_about_later_changes() -> None:
    fixed = [name for name, text in QUESTIONS.items() if "Can change later" not in text["help"]]

    claim = "All can be changed later" in QUESTIONS_PAGE.read_text()

    assert (fixed, claim) == ([], True)


@pytest.fixture(params=["repository", "service"])
def project(request: pytest.FixtureRequest, render: Render) -> Path:
    """This repository, and a service that has all that a README speaks of."""
    return services.ROOT if request.param == "repository" else render()


def code(readme: str) -> list[str]:
    """The lines of code blocks, fenced or indented, and what stands in backticks."""
    fenced = re.findall(r"^```\w*\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)
    prose = re.sub(r"^```.*?^```$", "", readme, flags=re.MULTILINE | re.DOTALL)
    indented = re.findall(r"^ {4,}(\S.*)$", prose, re.MULTILINE)
    spans = re.findall(r"`([^`]+)`", prose)
    return [line for block in fenced for line in block.splitlines()] + indented + spans


def named_targets(readme: str) -> set[str]:
    """The targets of all `make` commands; variables, options and what explains them are none."""
    commands = [
        re.sub(r"\S+=(\"[^\"]*\"|\S*)", "", command).strip(" $")
        for line in code(readme)
        for command in re.split(r"&&|;|\|", re.split(r"#|(?<=\S)  ", line)[0])
    ]
    words = [command.split() for command in commands]
    made = [word for name, *rest in filter(None, words) if name == "make" for word in rest]
    return {word for word in made if re.fullmatch(r"[a-z][a-z-]*", word)}


def targets(makefile: Path) -> list[str]:
    """The names of the rules, files that rules make excepted."""
    names: list[str] = re.findall(
        r"^([a-z][a-z-]*):(?! export )", makefile.read_text(), re.MULTILINE
    )
    return names


def all_targets(folder: Path) -> list[str]:
    """Those of the Makefile and of what it includes."""
    files = [folder / "Makefile", *sorted(folder.glob("make/*.mk"))]
    return [name for file in files for name in targets(file)]


def make(folder: Path, *arguments: str) -> str:
    """What make prints, as if it was not called by another make."""
    inherited = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")
    variables = {name: value for name, value in os.environ.items() if name not in inherited}
    command = ["make", "--no-print-directory", *arguments]
    return subprocess.run(
        command, cwd=folder, env=variables, capture_output=True, text=True, check=True
    ).stdout


def test_the_commands_of_a_text_are_found() -> None:
    text = """
`make` lists. Use `make dev` or `PORT=9000 make demo`, and make haste.

    $ make test      # make coffee
    make coverage    make no mistake of this
    make check test-all

```bash
make migration m="add x"
cd x && make V=1 serve HOST=0 -s
```
"""

    assert named_targets(text) == {
        "dev",
        "demo",
        "test",
        "check",
        "test-all",
        "coverage",
        "migration",
        "serve",
    }


def test_every_target_that_the_readme_of_this_repository_names_exists(render: Render) -> None:
    named = named_targets(README.read_text())

    ours, theirs = targets(services.ROOT / "Makefile"), targets(render() / "Makefile")
    assert named & set(ours) != set()
    assert named - set(ours) - set(theirs) == set()


def test_every_target_that_the_readme_of_a_service_names_exists(render: Render) -> None:
    named = named_targets((render() / "README.md").read_text())

    assert named != set()
    assert named - set(targets(render() / "Makefile")) == set()


def test_make_help_shows_every_target(project: Path) -> None:
    shown = [line.split(maxsplit=1) for line in make(project, "help").splitlines()]

    assert [name for name, _ in shown] == all_targets(project)
    assert [text for _, text in shown if not re.match(r"[A-Z].{9}", text)] == []


def test_every_target_is_a_command_and_no_file(project: Path) -> None:
    files = [project / "Makefile", *sorted(project.glob("make/*.mk"))]
    phony = [re.findall(r"^\.PHONY: (.*)$", file.read_text(), re.MULTILINE) for file in files]

    assert " ".join(" ".join(names) for names in phony).split() == all_targets(project)


def test_make_alone_shows_the_help(project: Path) -> None:
    assert make(project) == make(project, "help")


def test_the_makefile_of_this_repository_has_at_most_ten_targets() -> None:
    assert len(targets(services.ROOT / "Makefile")) <= 10


def test_the_readme_of_this_repository_is_short() -> None:
    assert len(README.read_text().splitlines()) <= 150


def test_the_readme_of_a_service_is_read_in_five_minutes(render: Render) -> None:
    text = (render() / "README.md").read_text()

    assert len(text.split()) <= 1000
    assert len(text.splitlines()) <= 180
