"""What uv would build or write while it locks."""

import json
import shutil
from pathlib import Path

import pytest

from tests.fleet.conftest import Fleet, outcomes
from tests.fleet.toys import Toy
from tests.support import services

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("ships", ["the service", "the template"])
def test_what_uv_would_build_is_not_built(
    fleet: Fleet, toy: Toy, lamps: Path, tmp_path: Path, ships: str
) -> None:
    ran = tmp_path / "ran"
    project = (
        '[project]\nname = "x"\ndynamic = ["version"]\n'
        '[build-system]\nrequires = []\nbuild-backend = "evil"\nbackend-path = ["."]\n'
    )
    evil = f"import pathlib\npathlib.Path({str(ran)!r}).touch()\n"
    old: dict[str, str | None] = {"pyproject.toml": project, "evil.py": evil}
    (lamps / "uv.lock").write_text('version = 1\nrequires-python = ">=3.11"\n')
    if ships == "the service":
        for path, text in old.items():
            (lamps / path).write_text(text or "")
        toy.release("v1.1.0", {"template/next.txt": "next\n"})
    else:
        toy.release("v1.1.0", {f"template/{path}": text for path, text in old.items()})
    services.commit(lamps, "Lock")

    run = fleet(tmp_path, "update", "lamps", "--json")

    assert not ran.exists()
    assert outcomes(run) == {"lamps": "updated"}
    told = "uv.lock is out of date: run `make lock` on the branch."
    assert json.loads(run.output)["services"][0]["note"] == (
        told if ships == "the template" else ""
    )


def test_a_package_that_a_service_needs_is_not_built(
    fleet: Fleet, toy: Toy, lamps: Path, tmp_path: Path
) -> None:
    ran, package = tmp_path / "ran", tmp_path / "evil-1.0"
    package.mkdir()
    (package / "pyproject.toml").write_text(
        '[project]\nname = "evil"\ndynamic = ["version", "dependencies"]\n'
        '[build-system]\nrequires = []\nbuild-backend = "evil"\nbackend-path = ["."]\n'
    )
    (package / "evil.py").write_text(f"import pathlib\npathlib.Path({str(ran)!r}).touch()\n")
    archive = shutil.make_archive(str(package), "gztar", tmp_path, package.name)
    project = f'[project]\nname = "x"\nversion = "1"\ndependencies = ["evil @ file://{archive}"]\n'
    (lamps / "uv.lock").write_text('version = 1\nrequires-python = ">=3.11"\n')
    services.commit(lamps, "Lock")
    toy.release("v1.1.0", {"template/pyproject.toml": project})

    run = fleet(tmp_path, "update", "lamps", "--json")

    assert not ran.exists()
    told = "uv.lock is out of date: run `make lock` on the branch."
    assert json.loads(run.output)["services"][0]["note"] == told


def test_a_lock_that_is_a_link_is_left_to_people(
    fleet: Fleet, toy: Toy, lamps: Path, tmp_path: Path
) -> None:
    precious = tmp_path / "precious"
    precious.write_text("mine\n")
    (lamps / "uv.lock").symlink_to(precious)
    services.commit(lamps, "Attack")
    toy.release("v1.1.0", {"template/pyproject.toml": '[project]\nname="x"\nversion="1"\n'})

    run = fleet(tmp_path, "update", "lamps", "--json")

    assert precious.read_text() == "mine\n"
    assert json.loads(run.output)["services"][0]["note"].startswith("uv.lock is out of date")
