import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Self

import pytest

from fleet import cli, git
from fleet.commands import policy, status, update
from fleet.service import ANSWERS_FILE
from tests.fleet.toys import FIRST, LINES, Toy, edit
from tests.support import edits, services
from tests.support.shared import Shared


@dataclass(frozen=True)
class Run:
    """What a command ended with, and what it printed."""

    code: int
    output: str
    errors: str


Fleet = Callable[..., Run]


def outcomes(run: Run) -> dict[str, str]:
    return {Path(move["path"]).name: move["outcome"] for move in json.loads(run.output)["services"]}


@pytest.fixture
def fleet(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Fleet:
    """`fleet(folder, "service", "update")` runs a command in a folder."""

    def fleet(folder: Path, *arguments: str) -> Run:
        git.variables.cache_clear()  # a test sets its own
        monkeypatch.chdir(folder)
        monkeypatch.setattr(sys, "argv", ["fleet", *arguments])
        with pytest.raises(SystemExit) as end:
            cli.main()
        output, errors = capfd.readouterr()
        return Run(int(end.value.code or 0), output, errors)

    return fleet


@pytest.fixture(autouse=True)
def named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The template that the person at the terminal has named: most tests have one here."""
    monkeypatch.setenv("FLEET_TEMPLATE", f"{tmp_path}/template")
    return f"{tmp_path}/template"


@pytest.fixture
def today(monkeypatch: pytest.MonkeyPatch) -> str:
    """A day that does not end during a test, for commands and for commits. Ask for it first."""

    class Today(date):
        @classmethod
        def today(cls) -> Self:
            return cls(2026, 6, 30)

    monkeypatch.setenv("GIT_COMMITTER_DATE", "2026-06-30T12:00:00Z")
    for module in (policy, status, update):
        monkeypatch.setattr(module, "date", Today)
    return "2026-06-30"


@pytest.fixture(scope="session")
def first(shared: Shared) -> Path:
    """The template's release v1.0.0, and a service made from it that is not committed."""

    def make(place: Path) -> None:
        template = Toy(place / "template")
        template.release("v1.0.0", FIRST)
        template.service(place / "lamps")

    return shared.folder("toys", make)


@pytest.fixture
def toy(first: Path, tmp_path: Path) -> Toy:
    """A template with the release v1.0.0, the test's own."""
    return Toy(Path(shutil.copytree(first / "template", tmp_path / "template")))


@pytest.fixture
def lamps(first: Path, toy: Toy, tmp_path: Path) -> Path:
    """A service made from v1.0.0, committed."""
    service = Path(shutil.copytree(first / "lamps", tmp_path / "lamps"))
    edits.replace(service / ANSWERS_FILE, str(first / "template"), str(toy.folder))
    services.commit(service, "Start from the template")
    return service


@pytest.fixture
def shop(toy: Toy, lamps: Path, tmp_path: Path) -> Path:
    """A folder with three services: one that is edited in the same line as v1.1.0, one that is
    not, and one that is at v1.1.0 already."""
    folder = tmp_path / "shop"
    for name in ("edited", "plain"):
        shutil.copytree(lamps, folder / name)
    edit(folder / "edited", "shared.txt", "line 5", "mine")
    toy.release("v1.1.0", {"template/shared.txt": LINES.replace("line 5", "theirs")})
    services.commit(toy.service(folder / "recent", "v1.1.0"), "Start from the template")
    return folder
