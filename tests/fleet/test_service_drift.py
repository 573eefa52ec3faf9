from pathlib import Path

from tests.fleet.conftest import Fleet
from tests.fleet.toys import LINES, Toy, edit
from tests.support import services

DRIFT = ("service", "drift")


def test_a_service_with_the_templates_files_has_no_drift(fleet: Fleet, lamps: Path) -> None:
    edit(lamps, "shared.txt", "line 5", "mine")
    (lamps / "own.txt").write_text("mine\n")

    run = fleet(lamps, *DRIFT)

    assert (run.code, run.output) == (0, "lamps has no drift from the template's v1.0.0.\n")


def test_drift_is_a_diff_from_the_recorded_version(fleet: Fleet, toy: Toy, lamps: Path) -> None:
    toy.release("v1.1.0", {"template/owned.txt": "all new\n"})
    (lamps / "owned.txt").write_text(LINES.replace("line 9\n", "mine"))

    run = fleet(lamps, *DRIFT)

    assert (run.code, run.output) == (
        4,
        "--- template/owned.txt\n+++ service/owned.txt\n@@ -6,4 +6,4 @@\n"
        " line 6\n line 7\n line 8\n-line 9\n+mine\n",
    )


def test_a_missing_file_of_the_template_is_drift(fleet: Fleet, lamps: Path) -> None:
    (lamps / "Makefile").unlink()
    services.commit(lamps, "Without make")

    run = fleet(lamps, *DRIFT)

    assert (run.code, run.output) == (
        4,
        "--- template/Makefile\n+++ service/Makefile\n@@ -1,2 +0,0 @@\n"
        "-lock check test:\n-\t@echo $@ >> .git/made\n",
    )
