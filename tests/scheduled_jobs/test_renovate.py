"""The configuration for those who run Renovate."""

import json
import subprocess
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest

Render = Callable[..., Path]

TOOLS = Path(sysconfig.get_path("scripts"))


@pytest.mark.slow
@pytest.mark.parametrize("ci", ["github", "gitlab", "none"])
def test_every_service_has_a_valid_configuration_of_renovate(render: Render, ci: str) -> None:
    service = render(ci=ci)

    done = subprocess.run(
        [
            TOOLS / "check-jsonschema",
            "--builtin-schema",
            "vendor.renovate",
            service / "renovate.json",
        ],
        check=False,
        capture_output=True,
        text=True,
    )

    assert (done.returncode, done.stdout) == (0, "ok -- validation done\n")


@pytest.mark.slow
def test_renovate_updates_the_template_and_leaves_alone_what_the_template_brings(
    render: Render,
) -> None:
    github, gitlab = render(ci="github"), render(ci="gitlab")
    configuration = json.loads((github / "renovate.json").read_text())
    workflows = [f".github/workflows/{file.name}" for file in github.glob(".github/workflows/*")]

    disabled = [
        set(rule["matchFileNames"])
        for rule in configuration["packageRules"]
        if rule.get("enabled") is False and "matchUpdateTypes" not in rule
    ]

    assert configuration["copier"] == {"enabled": True}
    assert disabled == [{*workflows, ".gitlab-ci.yml", "compose.yaml"}]
    assert {file for file in disabled[0] if not (github / file).exists()} == {".gitlab-ci.yml"}
    assert (gitlab / ".gitlab-ci.yml").exists()


def test_renovate_pins_the_image_of_python_and_leaves_its_tag_to_the_answers(
    render: Render,
) -> None:
    configuration = json.loads((render() / "renovate.json").read_text())

    rules = [
        {name: value for name, value in rule.items() if name != "description"}
        for rule in configuration["packageRules"]
        if rule.get("matchFileNames") == ["Dockerfile"]
    ]

    assert rules == [
        {
            "matchFileNames": ["Dockerfile"],
            "matchUpdateTypes": ["major", "minor", "patch"],
            "enabled": False,
        },
        {
            "matchFileNames": ["Dockerfile"],
            "matchPackageNames": ["!ghcr.io/astral-sh/uv"],
            "pinDigests": True,
        },
    ]


def test_renovate_leaves_the_ranges_of_pyproject_alone_and_renews_the_lock_file(
    render: Render,
) -> None:
    configuration = json.loads((render() / "renovate.json").read_text())

    strategies = {
        tuple(rule["matchManagers"]): rule["rangeStrategy"]
        for rule in configuration["packageRules"]
        if "rangeStrategy" in rule
    }

    assert strategies == {("pep621",): "in-range-only"}
    assert configuration["lockFileMaintenance"] == {"enabled": True}
