"""Prints the table of moves for UPGRADING.md: `python -m releases.table`."""

import sys
from collections.abc import Iterator
from pathlib import Path

from fleet.rewriting.moves import Moves, Rules
from releases.guard import MOVES, ROOT


def table(file: Path) -> str:
    """The moves as a Markdown table, for those who update by plain `copier update`."""
    moves = Moves.parse(file.read_text(encoding="utf-8"), str(file))
    below = (row for folder, rules in moves.below.items() for row in _rows(rules, folder))
    rows = [*_rows(moves), *below]
    lines = [f"| `{old}` | {new} |" for old, new in sorted(rows)]
    return "\n".join(["| before | now |", "| --- | --- |", *lines])


def _rows(rules: Rules, folder: str = "") -> Iterator[tuple[str, str]]:
    where = f", below `{folder}`" if folder else ""
    for old, new in (rules.modules | rules.names).items():
        yield old, f"`{new}`{where}"
    for old, reason in rules.removed.items():
        yield old, f"removed{where}: {reason.replace('|', chr(92) + '|')}"


if __name__ == "__main__":
    sys.stdout.write(f"{table(ROOT / MOVES)}\n")
