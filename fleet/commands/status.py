"""`fleet status`: version, age, drift and waivers of each service."""

from datetime import date
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import TypeAdapter

from fleet import page, status, table
from fleet.commands.options import Exit, File, Json, Paths, Templates, Timeout, folders, limits
from fleet.fences import SECONDS, for_each
from fleet.output import write
from fleet.status import Status

FORMAT = 1
"""The JSON's version: raised when a key is renamed or removed, not when one is added."""


def show_status(
    paths: Paths = None,
    file: File = None,
    json: Json = False,
    html: Annotated[Path | None, typer.Option(help="Write an HTML report to this file.")] = None,
    conflicts: Annotated[
        bool, typer.Option("--conflicts", help="Find conflicts by an update in memory.")
    ] = False,
    template: Templates = None,
    timeout: Timeout = SECONDS,
) -> None:
    """Show version, age, drift and waivers of services. Changes nothing.

    Exits with 1 when a service cannot be read, and still shows the others.
    """
    work = partial(status.read_status, conflicts=conflicts)
    fleet = for_each(folders(paths, file), work, status.refused, limits(template, timeout))
    today = date.today()
    if html:
        write(html, page.render(fleet, today))
    if json:
        typer.echo(as_json(fleet, today))
    else:
        table.show(fleet, today)
    if any(service.error for service in fleet):
        raise typer.Exit(Exit.REFUSED)


def as_json(fleet: list[Status], today: date) -> str:
    document = {"format": FORMAT, "date": today, "services": fleet}
    return TypeAdapter(dict[str, Any]).dump_json(document, indent=2).decode()
