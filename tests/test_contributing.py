"""The front matter of this repository: what people fill in, and the commands they are told."""

import re
import subprocess
import sysconfig
from pathlib import Path

import pytest
import yaml

from tests.support.markdown import code_spans
from tests.support.services import ROOT

CHECK = Path(sysconfig.get_path("scripts"), "check-jsonschema")
FORMS = sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("[!c]*.yml"))
TARGETS = re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE)


def validated(schema: str, *files: Path) -> tuple[int, str]:
    command = [str(CHECK), "--builtin-schema", schema, *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout.strip()


def test_the_issue_forms_are_valid() -> None:
    assert validated("vendor.github-issue-forms", *FORMS) == (0, "ok -- validation done")


def test_the_choice_of_forms_is_valid() -> None:
    config = ROOT / ".github/ISSUE_TEMPLATE/config.yml"

    assert validated("vendor.github-issue-config", config) == (0, "ok -- validation done")


def test_a_form_with_a_wrong_key_is_found(tmp_path: Path) -> None:
    form = tmp_path / "form.yml"
    form.write_text(FORMS[0].read_text().replace("validations:", "validation:"))

    code, output = validated("vendor.github-issue-forms", form)

    assert (code, "'validation' was unexpected" in output) == (1, True)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.stem)
def test_a_form_asks_for_four_things_at_most(form: Path) -> None:
    asked = yaml.safe_load(form.read_text())["body"]

    assert 1 <= len(asked) <= 4
    assert [field["id"] for field in asked if not field["attributes"]["label"]] == []


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", ".github/pull_request_template.md"])
def test_every_target_that_contributors_are_told_exists(page: str) -> None:
    text = (ROOT / page).read_text()
    commands = code_spans(text) + re.findall(r"^ {4}(make .*?)(?:  |$)", text, re.MULTILINE)

    named = {
        word
        for command in commands
        if command.startswith("make ")
        for word in command.split()[1:]
        if "=" not in word
    }

    assert {"check", "test"} <= named
    assert named - set(TARGETS) - {"template-update"} == set()


def test_contributing_names_every_target_but_the_help_and_the_formatter() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()

    assert [name for name in TARGETS if f"make {name}" not in text] == ["help", "format"]
