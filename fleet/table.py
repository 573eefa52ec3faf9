"""The fleet as a table for a terminal."""

from datetime import date

from rich.console import Console
from rich.table import Table

from fleet.output import printable
from fleet.status import Status

COLUMNS = ("Service", "Version", "Behind", "Updated", "Drift", "Waivers", "Conflicts")
WIDE = 200
"""Columns where the output is not a terminal: a log should not lose words."""


def show(fleet: list[Status], today: date) -> None:
    """Names come from outside: they are printed literally, never as markup or control codes."""
    console = Console(markup=False, emoji=False, highlight=False)
    if not console.is_terminal:
        console.width = WIDE
    table = Table(*COLUMNS)
    for service in fleet:
        if not service.error:
            table.add_row(*(printable(cell) for cell in _cells(service, today)))
    if table.row_count:
        console.print(table)
    for service in fleet:
        if service.error:
            console.print(f"{printable(service.path)}: {printable(service.error)}", soft_wrap=True)


def _cells(service: Status, today: date) -> list[str]:
    waivers = [
        f"{waiver.path} {'EXPIRED' if waiver.is_expired(today) else 'until'} {waiver.expires}"
        for waiver in service.waivers
    ]
    return [
        service.name,
        service.version or "",
        str(service.behind),
        str(service.updated or "never"),
        ", ".join(service.drift),
        ", ".join(waivers),
        "not checked" if service.conflicts is None else ", ".join(service.conflicts),
    ]
