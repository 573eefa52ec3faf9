"""A file that was the template's and becomes a seed: an edited one is never lost."""

from pathlib import Path

import pytest

from tests import services
from tests.fleet.conftest import Fleet
from tests.fleet.toys import OWNERSHIP, Toy, edit, status

OWN = "# Kept as you had changed them; they are the service's own now\n\n- owned.txt\n"


@pytest.fixture
def seeded(toy: Toy) -> Toy:
    """v1.1.0 makes a seed of what v1.0.0 owned."""
    ownership = OWNERSHIP.replace('"/example/"', '"/example/", "/owned.txt"')
    moves: dict[str, str | None] = {"releases/v1.1.0/moves.toml": 'seeds = ["owned.txt"]\n'}
    toy.release("v1.1.0", moves | {"ownership.toml": ownership, "template/owned.txt": "seed\n"})
    return toy


@pytest.mark.usefixtures("seeded")
def test_an_unedited_file_becomes_the_seed(fleet: Fleet, lamps: Path) -> None:
    run = fleet(lamps, "service", "update")

    assert (run.code, (lamps / "owned.txt").read_text()) == (0, "seed\n")
    assert "the service's own now" not in run.output


@pytest.mark.usefixtures("seeded")
def test_an_edited_file_stays_without_a_conflict_and_is_told(fleet: Fleet, lamps: Path) -> None:
    edit(lamps, "owned.txt", "line 5", "mine")
    before = (lamps / "owned.txt").read_text()

    run = fleet(lamps, "service", "update")

    assert (run.code, (lamps / "owned.txt").read_text()) == (0, before)
    assert OWN in run.output
    assert status(lamps) == ["M  .copier-answers.yml"]


@pytest.mark.usefixtures("seeded")
def test_a_deleted_file_stays_deleted(fleet: Fleet, lamps: Path) -> None:
    (lamps / "owned.txt").unlink()
    services.commit(lamps, "Without it")

    run = fleet(lamps, "service", "update")

    assert (run.code, (lamps / "owned.txt").exists()) == (0, False)
    assert "the service's own now" not in run.output


def test_a_seed_that_files_of_the_template_need_is_added(
    fleet: Fleet, toy: Toy, lamps: Path
) -> None:
    ownership = OWNERSHIP.replace('"/example/"', '"/example/", "/hooks.txt"')
    moves: dict[str, str | None] = {"releases/v1.1.0/moves.toml": 'seeds = ["hooks.txt"]\n'}
    toy.release("v1.1.0", moves | {"ownership.toml": ownership, "template/hooks.txt": "seed\n"})

    run = fleet(lamps, "service", "update")

    assert (run.code, (lamps / "hooks.txt").read_text()) == (0, "seed\n")


def test_a_file_that_the_service_has_already_is_its_own(
    fleet: Fleet, toy: Toy, lamps: Path
) -> None:
    (lamps / "hooks.txt").write_text("mine\n")
    services.commit(lamps, "Mine")
    ownership = OWNERSHIP.replace('"/example/"', '"/example/", "/hooks.txt"')
    moves: dict[str, str | None] = {"releases/v1.1.0/moves.toml": 'seeds = ["hooks.txt"]\n'}
    toy.release("v1.1.0", moves | {"ownership.toml": ownership, "template/hooks.txt": "seed\n"})

    run = fleet(lamps, "service", "update")

    assert (run.code, (lamps / "hooks.txt").read_text()) == (0, "mine\n")
