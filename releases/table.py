"""Prints the table of moves for UPGRADING.md: `python -m releases.table`."""

import sys
from collections.abc import Iterator
from pathlib import Path

from fleet.rewriting.moves import Moves, Rules
from releases.guard import MOVES, ROOT


def table(file: Path) -> str:
    """What moved and where, for those who update by plain `copier update`."""
    moves = Moves.parse(file.read_text(encoding="utf-8"), str(file))
    rows = [*_rows(moves), *(row for it in moves.below.items() for row in _rows(it[1], it[0]))]
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
