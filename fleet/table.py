"""Tables and lines for a terminal.

Names and messages come from outside: they are printed literally, never as markup or control codes.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table

from fleet.output import printable

WIDE = 200
"""Columns where the output is not a terminal: a log should not lose words."""


def show_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Prints nothing without rows."""
    console = Console(markup=False, emoji=False, highlight=False)
    if not console.is_terminal:
        console.width = WIDE
    table = Table(*columns)
    for row in rows:
        table.add_row(*map(printable, row))
    if table.row_count:
        console.print(table)


def show_line(text: str) -> None:
    console = Console(markup=False, emoji=False, highlight=False)
    console.print(printable(text), soft_wrap=True)


def labels(services: Sequence[tuple[str, str]]) -> list[str]:
    """What to call each service, by name and path: two of one name have to be told apart."""
    counted = Counter(name for name, _ in services)
    return [name if counted[name] == 1 else f"{name} ({path})" for name, path in services]
