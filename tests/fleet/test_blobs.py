"""The comparison of blobs notices each way in which an edit can be lost."""

from pathlib import Path

import pytest

from fleet.template import open_template
from tests.fleet import blobs
from tests.fleet.conftest import Fleet
from tests.fleet.toys import BRANCH, LINES, Toy, edit
from tests.support import services

pytestmark = pytest.mark.slow


@pytest.fixture
def updated(fleet: Fleet, toy: Toy, lamps: Path) -> Path:
    """A service that edited three files, with the branch of an update that changes two of them."""
    (lamps / "own.txt").write_text("own\n")
    edit(lamps, "shared.txt", "line 9", "mine")
    edit(lamps, "owned.txt", "line 5", "mine")
    toy.release(
        "v1.1.0",
        {
            "template/shared.txt": LINES.replace("line 1\n", "theirs\n"),
            "template/Makefile": "all:\n",
            "template/next.txt": "next\n",
        },
    )
    assert fleet(lamps.parent, "update", "lamps").code == 0
    return lamps


def lost(service: Path, toy: Toy) -> dict[str, str]:
    with open_template(str(toy.folder)) as template:
        return blobs.lost(service, template, "v1.1.0", BRANCH, ())


def test_an_update_loses_nothing(updated: Path, toy: Toy) -> None:
    assert lost(updated, toy) == {}


def test_what_is_lost_or_missing_is_noticed(updated: Path, toy: Toy) -> None:
    unasked = "changed, which the template had not"
    outdated = "not as in the new version, though nobody had edited it"

    for path, text, why in (
        ("own.txt", None, unasked),
        ("own.txt", "other\n", unasked),
        ("owned.txt", LINES, unasked),
        ("example/seed.txt", "two\n", unasked),
        ("shared.txt", LINES.replace("line 1\n", "theirs\n"), "lost: [b'mine']"),
        ("next.txt", "", outdated),
        ("Makefile", None, outdated),
    ):
        services.git(updated, "switch", "--quiet", BRANCH)
        (updated / path).unlink() if text is None else (updated / path).write_text(text)
        services.commit(updated, "Lose it")
        services.git(updated, "switch", "--quiet", "main")
        found = lost(updated, toy)
        services.git(updated, "branch", "--force", BRANCH, f"{BRANCH}^")

        assert found == {path: why}
