"""What the README and the page of questions tell a newcomer to type, typed in an empty folder."""

import os
import subprocess
import sysconfig
from pathlib import Path

import pytest
import yaml

from tests.support import services
from tests.support.markdown import blocks, section
from tests.support.services import ROOT

pytestmark = pytest.mark.slow

COPY, WITHOUT_VENV, COMMIT = blocks(
    section((ROOT / "README.md").read_text(), "Start a service"), "bash"
)
[CHANGE] = blocks((ROOT / "docs/questions.md").read_text(), "bash")


def type_in(folder: Path, template: Path, commands: str) -> None:
    scripts = sysconfig.get_path("scripts")
    identity = {
        f"GIT_{who}_{what}": "test@example.org"
        for who in ("AUTHOR", "COMMITTER")
        for what in ("NAME", "EMAIL")
    }
    result = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands.replace("<this repository>", str(template))],
        cwd=folder,
        env=os.environ | identity | {"PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_first_two_commands_are_those_of_the_section_about_starting() -> None:
    first, *_ = blocks((ROOT / "README.md").read_text(), "bash")
    copy, make = first.splitlines()

    assert f".uv/bin/{copy}" in COPY
    assert make == f"cd my-service && {COMMIT.splitlines()[-1]}"


def test_without_uv_a_service_is_copied_and_committed_as_the_readme_says(
    template: Path, tmp_path: Path
) -> None:
    service = tmp_path / "my-service"

    type_in(tmp_path, template, COPY.replace("copier copy", "copier copy --defaults"))
    type_in(service, template, COMMIT.replace("make dev", "make help"))

    assert services.git(service, "status", "--porcelain", "--branch") == "## main\n"
    assert (tmp_path / ".uv/bin/uvx").exists()


def test_an_answer_changes_as_the_page_of_questions_says(template: Path, service: Path) -> None:
    services.commit(service, "Start from the template")

    fleet = CHANGE.replace("uvx --from <this repository> fleet", "fleet")
    type_in(service, template, f"{fleet.rstrip()} --no-checks")

    recorded = yaml.safe_load((service / ".copier-answers.yml").read_text())
    assert recorded["http_port"] == 9000
