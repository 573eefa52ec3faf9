"""What each answer changes in a service, and that it is recorded as it was given."""

import re
import tomllib
from pathlib import Path

import yaml

from tests.rendering.combinations import (
    ANSWERS_FILE,
    COMBINATIONS,
    DEFAULTS,
    MAY_CHANGE,
    Answers,
    Render,
    answers_of,
)
from tests.support import services
from tests.support.trees import contents_of, texts_of

EXCLUDE_RULE = re.compile(r"\{% if (.*?) %\}\n(.*?)\{% endif %\}", re.DOTALL)


def load_answers(service: Path) -> Answers:
    recorded: Answers = yaml.safe_load((service / ANSWERS_FILE).read_text())
    return {key: value for key, value in recorded.items() if not key.startswith("_")}


def test_every_answer_is_recorded_as_it_was_given(render: Render, combination: str) -> None:
    assert load_answers(render(**COMBINATIONS[combination])) == answers_of(combination)


def test_answers_stand_in_the_files_as_they_were_given(render: Render, combination: str) -> None:
    service, answers = render(**COMBINATIONS[combination]), answers_of(combination)
    files = texts_of(service)

    project = tomllib.loads(files["pyproject.toml"])["project"]
    assert {key: project.get(key) for key in ("name", "description", "license")} == {
        "name": answers["service_name"],
        "description": answers["description"],
        "license": None if answers["license"] == "proprietary" else answers["license"],
    }
    title, _, description, _ = files["README.md"].split("\n", 3)
    assert (title, description) == (f"# {answers['service_name']}", answers["description"])
    assert files[".postgres-version"] == f"{answers['postgres_version']}\n"
    if answers["team"]:
        assert files["CODEOWNERS"] == f"* {answers['team']}\n"
    if answers["license"] == "MIT":
        holder = answers["license_holder"] or f"The {answers['service_name']} authors"
        assert files["LICENSE-MIT"].split("\n")[2] == f"Copyright (c) {holder}"
    if answers["container"]:
        compose = yaml.safe_load(files["compose.yaml"])
        assert compose["name"] == answers["service_name"]


def test_an_answer_changes_the_files_of_the_table_and_no_other(
    render: Render, combination: str
) -> None:
    before = contents_of(render())
    after = contents_of(render(**COMBINATIONS[combination]))

    changed = {path for path in before | after if before.get(path) != after.get(path)}

    allowed = {ANSWERS_FILE}.union(*(MAY_CHANGE[answer] for answer in COMBINATIONS[combination]))
    folders = tuple(path for path in allowed if path.endswith("/"))
    assert {path for path in changed - allowed if not path.startswith(folders)} == set()


def test_no_answer_changes_what_python_files_contain(render: Render, combination: str) -> None:
    before = contents_of(render())
    after = contents_of(render(**COMBINATIONS[combination]))

    python = {path for path in before.keys() & after.keys() if path.endswith(".py")}
    assert {path for path in python if before[path] != after[path]} == set()


def files_that_depend_on(answer: str) -> set[str]:
    """The files in which a question's name stands, and what `_exclude` leaves out by it."""
    template = services.ROOT / "template"
    name = re.compile(rf"\b{answer}\b")
    mentioned = {
        str(file.relative_to(template)).removesuffix(".jinja")
        for file in template.rglob("*.jinja")
        if any(name.search(tag) for tag in re.findall(r"\{[{%].*?[}%]\}", file.read_text()))
    }
    rules = yaml.safe_load((services.ROOT / "copier.yml").read_text())["_exclude"][-1]
    excluded = [
        path
        for condition, paths in EXCLUDE_RULE.findall(rules)
        if name.search(condition)
        for path in paths.split()
    ]
    left_out = {f"{path}/" if (template / path).is_dir() else path for path in excluded}
    return mentioned | left_out


def test_the_table_names_the_files_that_depend_on_each_answer() -> None:
    assert {name: files_that_depend_on(name) for name in DEFAULTS} == MAY_CHANGE
