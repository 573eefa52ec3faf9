"""What the README says about updates is typed."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import copier
import pytest

from tests.support import history, services
from tests.support.services import Environment
from tests.support.trees import all_files, conflicts, differences, files_of, without_seeds

pytestmark = pytest.mark.slow

README = (services.ROOT / "README.md").read_text()
SECTION = README.partition("\n## Update a service\n")[2].partition("\n## ")[0]
# All tests of a service that was updated are run by test_matrix.py.
FEW_TESTS = "tests/items tests/test_main.py tests/test_migrations.py"
MAKE, UVX = (part.partition("```")[0] for part in SECTION.split("```bash\n")[1:])


def type_in(service: Path, environment: Environment, commands: str) -> str:
    uv = Path(os.environ.get("UV", shutil.which("uv") or "uv")).absolute()
    path = f"{uv.parent}{os.pathsep}{os.environ['PATH']}"
    result = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands],
        cwd=service,
        env=environment.variables | {"PATH": path, "PYTEST_ADDOPTS": FEW_TESTS},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout
    return result.stdout


def test_a_service_updates_by_make_as_the_readme_says(
    releases: Path, environment: Environment, tmp_path: Path
) -> None:
    template = history.once_more(releases, tmp_path / "template")
    service = tmp_path / "my-service"
    copier.run_copy(str(template), service, vcs_ref=history.CANDIDATE, defaults=True, quiet=True)
    shutil.copy2(environment.lock, service)
    notes = "\n## Runbook\n\nCall Ada.\n"
    with (service / "README.md").open("a") as readme:
        readme.write(notes)
    services.commit(service, "Start from the template, with notes")

    output = type_in(service, environment, MAKE)

    assert output.startswith(
        f"Update the template from {history.CANDIDATE} to {history.NEWER}.\n\n"
        "# Changed in the template's files\n\n- Makefile\n\n"
        "# Changed in shared files\n\n- README.md\n- app/main.py\n\n"
    )
    readme_now = (service / "README.md").read_text()
    assert "where yours belong.\n\n## Notes of this service\n" in readme_now
    assert readme_now.endswith(notes)
    assert " passed in " in output
    assert output.endswith("Review with `git diff HEAD`, then commit.\n")


def test_a_service_of_the_first_release_updates_as_the_readme_says(
    releases: Path,
    make_service: Callable[..., Path],
    rendered: Callable[..., Path],
    environment: Environment,
) -> None:
    first = history.releases()[0]
    service = make_service(first.version, first.presets["defaults"])

    type_in(service, environment, UVX.replace("<this repository>", str(releases)))

    fresh = rendered(history.CANDIDATE, first.presets["defaults"])
    after = {path: file for path, file in files_of(service).items() if path != "uv.lock"}
    assert conflicts(service) == []
    assert differences(without_seeds(after), without_seeds(all_files(fresh))) == {}
