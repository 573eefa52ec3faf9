"""Who updates by plain `copier update` finds the moves in UPGRADING.md."""

from pathlib import Path

import pytest

from fleet.rewriting.releases import NEXT
from releases.table import table
from tests.support import services

FILES = sorted((services.ROOT / "releases").glob("*/moves.toml"))
UPGRADING = (services.ROOT / "UPGRADING.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.parent.name)
def test_the_recipe_of_a_release_has_its_moves(file: Path) -> None:
    name = file.parent.name
    version = name.removeprefix("v") if name != NEXT else UPGRADING.split("### To ")[1].split()[0]

    recipe = UPGRADING.partition(f"### To {version}\n")[2].partition("\n### To ")[0]

    assert f"\n\n{table(file)}\n\n" in recipe


def test_a_table_has_modules_names_and_what_was_removed(tmp_path: Path) -> None:
    file = tmp_path / "moves.toml"
    file.write_text(
        '[modules]\n"b.old" = "b.new"\n[names]\n"a.x" = "b.x"\n[removed]\n"c" = "Write a | b."\n'
        '[below."tests/".modules]\nhttpx = "httpx2"\n'
    )

    assert table(file).splitlines() == [
        "| before | now |",
        "| --- | --- |",
        "| `a.x` | `b.x` |",
        "| `b.old` | `b.new` |",
        r"| `c` | removed: Write a \| b. |",
        "| `httpx` | `httpx2`, below `tests/` |",
    ]
