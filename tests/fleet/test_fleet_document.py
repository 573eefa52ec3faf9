"""docs/fleet.md is typed: its commands work one after the other, as they stand there."""

import os
import re
import subprocess
import sysconfig
from pathlib import Path

import copier
import pytest

from tests.support import history, services
from tests.support.services import ROOT

pytestmark = pytest.mark.slow

PAGE = (ROOT / "docs/fleet.md").read_text()
VERSIONS = ("v1.1.0", "v1.2.0")


def section(heading: str) -> str:
    return PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]


def blocks(heading: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", section(heading), re.DOTALL)


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This repository with its releases, and the working tree as all that the page names."""
    folder = history.clone(tmp_path_factory.mktemp("releases") / "template")
    services.git(folder, "tag", "--delete", history.CANDIDATE)
    for version in VERSIONS:
        services.commit(folder, version)
        services.git(folder, "tag", version)
    return folder


@pytest.fixture
def beside(releases: Path, tmp_path: Path) -> Path:
    """A folder with services, one of which was not made from the template."""
    for name in ("payments", "orders", "lamps"):
        copier.run_copy(str(releases), tmp_path / name, vcs_ref="v0.3.0", defaults=True, quiet=True)
        services.commit(tmp_path / name, "Start")
    (tmp_path / "older").mkdir()
    (tmp_path / "older/README.md").write_text("# Older\n")
    services.commit(tmp_path / "older", "Write it")
    return tmp_path


def type_in(folder: Path, releases: Path, commands: str) -> None:
    scripts = sysconfig.get_path("scripts")
    identity = {
        f"GIT_{who}_{what}": "test@example.org"
        for who in ("AUTHOR", "COMMITTER")
        for what in ("NAME", "EMAIL")
    }
    commands = commands.replace("<this repository>", str(releases)).replace("uvx ", "")
    commands = commands.replace("make check test", "true")  # tested elsewhere
    result = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands],
        cwd=folder,
        env=os.environ
        | identity
        | {"FLEET_TEMPLATE": str(releases)}
        | {"PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_way_to_fifty_services_is_as_the_page_says(releases: Path, tmp_path: Path) -> None:
    heading = "From the first service to fifty"
    [preset], [policy] = blocks(heading, "yaml"), blocks(heading, "toml")
    (tmp_path / "preset.yml").write_text(preset)
    (tmp_path / "policy.toml").write_text(policy)

    for commands in [*blocks(heading, "bash"), *blocks("See the fleet", "bash")]:
        type_in(tmp_path, releases, commands)

    made = {path.name for path in tmp_path.iterdir()}
    services_made = {"payments", "orders", "lamps"}
    files = {"preset.yml", "policy.toml", "services.txt", "report.html", "findings.sarif"}
    assert made == services_made | files | {"history"}
    assert {
        history.answers_in(tmp_path / name / ".copier-answers.yml")["postgres_version"]
        for name in services_made
    } == {17}


def test_a_fleet_moves_as_the_page_says(beside: Path, releases: Path) -> None:
    [waves] = blocks("Move the fleet", "toml")
    (beside / "waves.toml").write_text(waves)

    for commands in blocks("Move the fleet", "bash"):
        type_in(beside, releases, commands)

    branches = {
        name: services.git(beside / name, "branch", "--format=%(refname:short)").split()
        for name in ("payments", "orders", "lamps")
    }
    one, two = (f"template-update/{version}" for version in VERSIONS)
    assert branches == {
        "payments": ["main", one, two],
        "orders": ["main", one, two],
        "lamps": ["main", two],
    }
    assert (beside / "patches/payments.patch").exists()


def test_a_service_is_adopted_as_the_page_says(beside: Path, releases: Path) -> None:
    for commands in blocks("Adopt", "bash"):
        type_in(beside, releases, commands)

    recorded = history.answers_in(beside / "older/.copier-answers.yml")
    assert (recorded["service_name"], recorded["http_port"]) == ("older", 9000)
    assert (beside / "older/README.md").read_text() == "# Older\n"
    assert not (beside / "older/app/items").exists()


def test_presets_are_checked_and_taken_as_the_page_says(releases: Path, tmp_path: Path) -> None:
    [preset] = blocks("Presets", "yaml")
    (tmp_path / "preset.yml").write_text(preset)

    for commands in blocks("Presets", "bash"):
        type_in(tmp_path, releases, commands)

    recorded = history.answers_in(tmp_path / "lamps/.copier-answers.yml")
    given = history.answers_in(tmp_path / "preset.yml") | {"http_port": 9000}
    assert {name: recorded[name] for name in given} == given
