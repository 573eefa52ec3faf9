"""`fleet update` of a wave: some of the services, by the file that names them."""

from pathlib import Path

import pytest

from tests.fleet.conftest import Fleet, outcomes
from tests.fleet.toys import BRANCH
from tests.support import services

pytestmark = pytest.mark.slow
WAVES = (
    '[waves]\ncanary = ["../shop/plain"]\nrest = ["../shop/edited", "../shop/recent"]\nbad = "x"\n'
)


@pytest.fixture
def waves(shop: Path, tmp_path: Path) -> Path:
    file = tmp_path / "fleet" / "waves.toml"
    file.parent.mkdir()
    file.write_text(WAVES)
    return file


def test_a_wave_updates_its_services_alone(fleet: Fleet, shop: Path, waves: Path) -> None:
    elsewhere = shop / "plain"  # the folders are relative to the file

    run = fleet(elsewhere, "update", "--waves", str(waves), "--wave", "canary", "--json")

    assert (run.code, outcomes(run)) == (0, {"plain": "updated"})
    assert BRANCH not in services.git(shop / "edited", "show-ref")


@pytest.mark.parametrize(
    ("text", "arguments", "sentence"),
    [
        (WAVES, ["--wave", "x"], "{file} has no wave x. Its waves: canary, rest, bad."),
        (WAVES, [], "Name a wave of {file} with --wave. Its waves: canary, rest, bad."),
        (WAVES, ["--wave", "bad"], "The wave bad of {file} must be a list, such as "),
        ("[waves", ["--wave", "x"], "{file} is not valid TOML: "),
        ("waves = 1", ["--wave", "x"], "{file} has no waves: write [waves] and canary = "),
        (None, ["--wave", "x"], "{file} cannot be read: No such file or directory."),
    ],
)
def test_a_wave_that_makes_no_sense_is_refused(
    fleet: Fleet, waves: Path, text: str | None, arguments: list[str], sentence: str
) -> None:
    waves.unlink() if text is None else waves.write_text(text)

    run = fleet(waves.parent, "update", "--waves", str(waves), *arguments)

    assert (run.code, run.output) == (1, "")
    assert run.errors.startswith(f"fleet: {sentence.format(file=waves)}")


def test_a_wave_needs_its_file(fleet: Fleet, shop: Path) -> None:
    run = fleet(shop, "update", "--wave", "canary")

    assert run.errors == "fleet: Name the file that defines the wave canary with --waves.\n"
