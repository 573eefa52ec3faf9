"""A file that becomes the service's own, and lines that a release drops, in one update."""

from pathlib import Path

import pytest

from tests.fleet.conftest import Fleet
from tests.fleet.toys import LINES, OWNERSHIP, Toy, edit

MOVES = "releases/v1.1.0/moves.toml"


@pytest.fixture
def released(toy: Toy) -> Toy:
    """v1.1.0 makes owned.txt a seed with other content, and drops a line of shared.txt."""
    toy.release(
        "v1.1.0",
        {
            "ownership.toml": OWNERSHIP.replace('"/example/"', '"/example/", "/owned.txt"').replace(
                '"/owned*"', '"/owned-*"'
            ),
            "template/owned.txt": "yours\n",
            "template/shared.txt": LINES.replace("line 5\n", ""),
            MOVES: 'seeds = ["owned.txt"]\n\n[dropped_lines]\n"shared.txt" = ["line 5"]\n',
        },
    )
    return toy


def test_a_new_seed_that_the_service_has_not_changed_is_replaced(
    fleet: Fleet, released: Toy, lamps: Path
) -> None:
    run = fleet(lamps, "service", "update")

    assert run.code == 0
    assert (lamps / "owned.txt").read_text() == "yours\n"


def test_a_new_seed_that_the_service_has_changed_stays_as_it_is(
    fleet: Fleet, released: Toy, lamps: Path
) -> None:
    edit(lamps, "owned.txt", "line 5\n", "mine\n")

    run = fleet(lamps, "service", "update")

    assert run.code == 0
    assert (lamps / "owned.txt").read_text() == LINES.replace("line 5\n", "mine\n")
    assert (
        "# Edited by you, now the service's own, and not updated\n\n- owned.txt\n"
    ) in run.output


def test_a_new_seed_that_an_older_version_lacked_is_added(
    fleet: Fleet, toy: Toy, lamps: Path
) -> None:
    ownership = OWNERSHIP.replace('"/example/"', '"/example/", "/place.txt"')
    toy.release(
        "v1.1.0",
        {
            "ownership.toml": ownership,
            "template/place.txt": "here\n",
            MOVES: 'seeds = ["place.txt"]',
        },
    )

    run = fleet(lamps, "service", "update")

    assert run.code == 0
    assert (lamps / "place.txt").read_text() == "here\n"


def test_a_dropped_line_does_not_conflict_with_one_that_was_added_beside_it(
    fleet: Fleet, released: Toy, lamps: Path
) -> None:
    edit(lamps, "shared.txt", "line 5\n", "line 5\nmine\n")

    run = fleet(lamps, "service", "update")

    assert run.code == 0
    assert (lamps / "shared.txt").read_text() == LINES.replace("line 5\n", "mine\n")


def test_a_dropped_line_that_the_service_has_changed_is_a_conflict(
    fleet: Fleet, released: Toy, lamps: Path
) -> None:
    edit(lamps, "shared.txt", "line 5\n", "line five\n")

    run = fleet(lamps, "service", "update")

    assert (run.code, "shared.txt: changed here" in run.output) == (2, True)


def test_a_dropped_line_between_two_empty_ones_leaves_one_of_them(
    fleet: Fleet, released: Toy, lamps: Path
) -> None:
    edit(lamps, "shared.txt", "line 4\nline 5\nline 6\n", "\nline 5\n\n")

    run = fleet(lamps, "service", "update")

    assert run.code == 0
    assert (lamps / "shared.txt").read_text() == LINES.replace("line 4\nline 5\nline 6\n", "\n")
