"""Jinja stays small and in its place, and all of it is valid before anything is rendered."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from copier._main import Worker
from jinja2 import TemplateSyntaxError, meta
from jinja2.sandbox import SandboxedEnvironment

from tests.support import services

TEMPLATE = services.ROOT / "template"
ANSWERS_FILE = "{{_copier_conf.answers_file}}.jinja"

CONFIGURATION: dict[str, Any] = yaml.safe_load((services.ROOT / "copier.yml").read_text())
SETTINGS = {key: value for key, value in CONFIGURATION.items() if key.startswith("_")}
QUESTIONS = {key: value for key, value in CONFIGURATION.items() if not key.startswith("_")}

# What copier gives to files; to rules and messages; to the defaults of questions.
GIVEN_TO_FILES = {"_copier_answers"}
GIVEN_TO_SETTINGS = {"_copier_conf", "_copier_operation"}
GIVEN_TO_QUESTIONS = {"_folder_name"}


def template_files() -> list[str]:
    """What git would commit below template/."""
    listed = services.git(
        services.ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "template"
    )
    files = [Path(path) for path in listed.split("\0") if path]
    return sorted(
        str(file.relative_to("template")) for file in files if (services.ROOT / file).exists()
    )


FILES = template_files()
RENDERED = [file for file in FILES if file.endswith(".jinja")]
# Without it, git would obey the file here.
NEEDS_THE_SUFFIX = {".gitignore.jinja"}
# Copied as they are: Grafana and Prometheus fill their braces in.
OTHER_TEMPLATES = "ops/"


def texts(value: object) -> Iterator[str]:
    """All text in a value of copier.yml."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from texts(list(value.values()))
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)


@pytest.fixture(scope="module")
def jinja(tmp_path_factory: pytest.TempPathFactory) -> SandboxedEnvironment:
    """Copier's own environment, with the settings of copier.yml."""
    folder = tmp_path_factory.mktemp("questions")
    (folder / "copier.yml").write_bytes((services.ROOT / "copier.yml").read_bytes())
    with Worker(src_path=str(folder), quiet=True) as worker:
        return worker.jinja_env


def variables(jinja: SandboxedEnvironment, text: str) -> set[str]:
    """The variables that a text takes from outside."""
    return meta.find_undeclared_variables(jinja.parse(text)) - set(jinja.globals)


def used_by_files_and_rules(jinja: SandboxedEnvironment) -> set[str]:
    sources = [(TEMPLATE / file).read_text() for file in RENDERED]
    sources += texts([SETTINGS["_exclude"], SETTINGS["_skip_if_exists"]])
    return {name for source in sources for name in variables(jinja, source)}


def test_undefined_variables_are_errors_and_tags_leave_no_lines(
    jinja: SandboxedEnvironment,
) -> None:
    options = {"trim_blocks", "lstrip_blocks", "keep_trailing_newline"}

    assert {name for name in options if getattr(jinja, name)} == options
    assert jinja.undefined.__name__ == "StrictUndefined"


@pytest.mark.parametrize("file", FILES)
def test_a_file_has_valid_jinja_or_none(jinja: SandboxedEnvironment, file: str) -> None:
    text = (TEMPLATE / file).read_text()

    if file.startswith(OTHER_TEMPLATES):
        assert file not in RENDERED
        return
    if file not in RENDERED:
        assert re.findall(r"(?<!\$)\{\{.*|\{%.*|\{#.*", text) == []
        return
    try:
        names = variables(jinja, text)
    except TemplateSyntaxError as error:
        pytest.fail(f"{file}:{error.lineno}: {error.message}")
    assert names - set(QUESTIONS) - GIVEN_TO_FILES == set()
    assert names or file in NEEDS_THE_SUFFIX, f"{file} uses no variable: it needs no suffix."


@pytest.mark.parametrize("file", [file for file in FILES if file.endswith(".py")])
def test_a_python_file_compiles_as_it_lies_in_the_template(file: str) -> None:
    text = (TEMPLATE / file).read_text()

    compile(text, file, "exec", dont_inherit=True)

    assert re.findall(r"\{\{.*|\{%.*|\{#.*", text) == []


def test_there_is_no_jinja_in_paths_but_in_that_of_the_answers_file() -> None:
    assert [file for file in FILES if re.search(r"[{}%]", file)] == [ANSWERS_FILE]


def test_paths_work_on_every_file_system() -> None:
    plain = [file for file in FILES if file != ANSWERS_FILE]

    assert [file for file in plain if not re.fullmatch(r"[A-Za-z0-9._/-]+", file)] == []
    assert len({file.lower() for file in FILES}) == len(FILES)


def test_no_path_is_both_rendered_and_copied() -> None:
    assert {file.removesuffix(".jinja") for file in RENDERED} & set(FILES) == set()


def test_no_file_of_the_template_configures_this_repository() -> None:
    assert set(FILES) & {".gitignore", ".gitattributes", "pyproject.toml"} == set()


def test_block_tags_stand_in_two_files_and_are_few() -> None:
    tags = {file: (TEMPLATE / file).read_text().count("{%") for file in FILES}

    with_tags = {file for file, count in tags.items() if count}
    assert with_tags <= {"README.md.jinja", "pyproject.toml.jinja"}
    assert sum(tags.values()) <= 18  # two for each answer that adds packages or a page


def test_at_most_one_file_in_five_is_rendered() -> None:
    assert len(RENDERED) * 5 <= len(FILES)


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_question_relies_on_itself_and_on_earlier_ones(
    jinja: SandboxedEnvironment, name: str
) -> None:
    earlier = set(list(QUESTIONS)[: list(QUESTIONS).index(name)])
    properties = dict(QUESTIONS[name])

    validator = variables(jinja, properties.pop("validator", ""))
    others = {used for text in texts(properties) for used in variables(jinja, text)}

    assert validator - earlier - {name} == set()
    assert others - earlier - GIVEN_TO_QUESTIONS == set()


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_uses_only_what_is_known(jinja: SandboxedEnvironment, name: str) -> None:
    used = {used for text in texts(SETTINGS[name]) for used in variables(jinja, text)}

    assert used - set(QUESTIONS) - GIVEN_TO_SETTINGS == set()


def test_every_question_is_used(jinja: SandboxedEnvironment) -> None:
    assert set(QUESTIONS) - used_by_files_and_rules(jinja) == set()


def test_includes_are_valid_and_used(jinja: SandboxedEnvironment) -> None:
    includes = {f"includes/{file.name}" for file in (services.ROOT / "includes").iterdir()}

    unknown = [variables(jinja, (services.ROOT / file).read_text()) for file in includes]
    used = {
        used
        for text in texts(CONFIGURATION)
        for used in meta.find_referenced_templates(jinja.parse(text))
    }

    assert used == includes
    assert unknown == [set()] * len(includes)


def test_every_path_that_a_rule_names_exists() -> None:
    never_committed = {"__pycache__", ".venv", "*.pyc", "uv.lock"}
    named = {
        line
        for rule in [*SETTINGS["_exclude"], *SETTINGS["_skip_if_exists"]]
        for line in rule.splitlines()
        if line and not line.startswith("{%")
    }

    rendered = [file.removesuffix(".jinja") for file in FILES]
    missing = {
        path
        for path in named - never_committed
        if not any(file == path or file.startswith(f"{path}/") for file in rendered)
    }

    assert missing == set()
