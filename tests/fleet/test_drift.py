"""Drift is every way in which a file of the template differs, not its lines alone."""

import json
from pathlib import Path

import pytest

from tests.fleet.conftest import Fleet
from tests.fleet.toys import LINES, Toy
from tests.support import services

pytestmark = pytest.mark.slow


def lines_of_windows(file: Path) -> None:
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))


def executable(file: Path) -> None:
    file.chmod(0o755)


def link(file: Path) -> None:
    file.rename(file.with_name("elsewhere"))
    file.symlink_to("elsewhere")


def no_last_newline(file: Path) -> None:
    file.write_bytes(file.read_bytes().rstrip(b"\n"))


def invalid(file: Path) -> None:
    file.write_bytes(file.read_bytes() + b"\xff")


@pytest.mark.parametrize("change", [lines_of_windows, executable, link, no_last_newline, invalid])
def test_a_change_of_any_kind_is_drift(fleet: Fleet, lamps: Path, change: object) -> None:
    assert callable(change)
    change(lamps / "owned.txt")
    uncommitted = fleet(lamps, "service", "drift")
    services.commit(lamps, "Change it")

    run = fleet(lamps.parent, "status", "lamps", "--json")
    shown = fleet(lamps, "service", "drift")

    assert json.loads(run.output)["services"][0]["drift"] == ["owned.txt"]
    assert (uncommitted.code, shown.code) == (4, 4)
    assert uncommitted.output == shown.output != ""


@pytest.mark.parametrize(
    ("template", "ours"),
    [("", None), (LINES, ""), ("\0one\xff", "\0one\xfe"), ("\0", "\0\xff")],
)
def test_emptied_deleted_and_binary_files_are_drift(
    fleet: Fleet, toy: Toy, tmp_path: Path, template: str, ours: str | None
) -> None:
    (toy.folder / "template/owned2.bin").write_bytes(template.encode("latin-1"))
    toy.release("v1.1.0", {})
    service = toy.service(tmp_path / "service", "v1.1.0")
    services.commit(service, "Start")
    clean = fleet(tmp_path, "status", "service", "--json")
    file = service / "owned2.bin"
    file.unlink() if ours is None else file.write_bytes(ours.encode("latin-1"))
    services.commit(service, "Change it")

    run = fleet(tmp_path, "status", "service", "--json")

    assert json.loads(clean.output)["services"][0]["drift"] == []
    assert json.loads(run.output)["services"][0]["drift"] == ["owned2.bin"]


def test_a_checkout_with_other_line_endings_is_no_drift(
    fleet: Fleet, lamps: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    own = tmp_path / "gitconfig"
    own.write_text("[core]\n\tautocrlf = true\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(own))
    for name in ("owned.txt", "Makefile"):
        lines_of_windows(lamps / name)

    run = fleet(lamps, "service", "drift")

    assert (run.code, run.output) == (0, "lamps has no drift from the template's v1.0.0.\n")
