"""The fleet as a table for people at a terminal."""

from datetime import date

from rich.console import Console
from rich.table import Table

from fleet.output import printable
from fleet.status import Status

COLUMNS = ("Service", "Version", "Behind", "Updated", "Drift", "Waivers", "Conflicts")
WIDE = 200
"""Columns for what is no terminal: nobody's log should lose words."""


def show(fleet: list[Status], today: date) -> None:
    """Names come from outside: they are shown as they are, never as markup or control codes."""
    console = Console(markup=False, emoji=False, highlight=False)
    if not console.is_terminal:
        console.width = WIDE
    table = Table(*COLUMNS)
    for it in fleet:
        if not it.error:
            table.add_row(*(printable(cell) for cell in _cells(it, today)))
    if table.row_count:
        console.print(table)
    for it in fleet:
        if it.error:
            console.print(f"{printable(it.path)}: {printable(it.error)}", soft_wrap=True)


def _cells(it: Status, today: date) -> list[str]:
    waivers = [
        f"{waiver.path} {'EXPIRED' if waiver.is_expired(today) else 'until'} {waiver.expires}"
        for waiver in it.waivers
    ]
    return [
        it.name,
        it.version or "",
        str(it.behind),
        str(it.updated or "never"),
        ", ".join(it.drift),
        ", ".join(waivers),
        "not asked" if it.conflicts is None else ", ".join(it.conflicts),
    ]
