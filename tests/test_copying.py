"""What copier says before and after it writes a service, and that it runs no code."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import copier
import pytest
import yaml

from tests.support import services

CONFIGURATION: dict[str, Any] = yaml.safe_load((services.ROOT / "copier.yml").read_text())
AFTER_COPY = """
lamps is ready. Next:

  cd {folder}
  git init -b main && git add . && git commit -m "Start from the template"
  make dev

The first `make` writes uv.lock: commit it too.

"""
AFTER_UPDATE = """
lamps is updated. Next:

  git diff              # review it and resolve any conflicts
  make lock check test
  git commit -am "Update from the template"

`make template-update` does all of this, and keeps edits in files that the template renamed.

"""


def copy(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `copier copy` as a user does."""
    command = [sys.executable, "-m", "copier", "copy", "--defaults", "--vcs-ref=HEAD", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_a_refusal_ends_in_our_sentence_and_writes_nothing(template: Path, tmp_path: Path) -> None:
    folder = tmp_path / "lamps"

    result = copy("--data=service_name=my_service", str(template), str(folder))

    assert (result.returncode, result.stderr.splitlines()[-1]) == (
        1,
        "ValueError: Validation error for question 'service_name': "
        + "Try \"my-service\": a service name is 1 to 40 of a-z, 0-9 and '-', "
        'starts with a letter and does not end with a hyphen. "my_service" is not valid.',
    )
    assert not folder.exists()


def test_no_setting_needs_the_users_trust() -> None:
    settings = {key for key in CONFIGURATION if key.startswith("_")}

    assert settings == {
        "_min_copier_version",
        "_subdirectory",
        "_envops",
        "_exclude",
        "_skip_if_exists",
        "_message_after_copy",
        "_message_after_update",
    }


@pytest.mark.slow
@pytest.mark.parametrize("folder", ["lamps", "my lamps"])
def test_a_copy_without_trust_ends_in_the_three_next_commands(
    template: Path, tmp_path: Path, folder: str
) -> None:
    destination = tmp_path / folder

    result = copy("--data=service_name=lamps", str(template), str(destination))

    lines = result.stderr.splitlines(keepends=True)
    shown = f"'{destination}'" if " " in folder else str(destination)
    message = "".join(lines[-AFTER_COPY.count("\n") :])
    assert (result.returncode, message) == (0, AFTER_COPY.format(folder=shown))


@pytest.mark.slow
def test_an_update_without_trust_ends_in_what_to_run_now(
    questions: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    releases, service = tmp_path / "template", tmp_path / "lamps"
    shutil.copytree(questions, releases)
    services.commit(releases, "A version")
    services.render(releases, service)
    services.commit(service, "Start from the template")
    services.commit(releases, "The next version")
    capsys.readouterr()

    copier.run_update(service, vcs_ref="HEAD", defaults=True, overwrite=True)

    lines = capsys.readouterr().err.splitlines(keepends=True)
    assert "".join(lines[-AFTER_UPDATE.count("\n") :]) == AFTER_UPDATE
