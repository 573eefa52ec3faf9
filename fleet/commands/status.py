"""`fleet status`: version, age, drift and waivers of each service."""

from datetime import date
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from fleet import html_report, status, toml_file
from fleet.commands.options import Exit, File, Json, Paths, Templates, Timeout, folders, limits
from fleet.errors import FleetError
from fleet.fences import for_each
from fleet.history import adoption, keep
from fleet.html_report import Page
from fleet.limited import SECONDS
from fleet.output import as_json, write
from fleet.policy import Policy, check
from fleet.status import Status
from fleet.table import labels, show_line, show_table

COLUMNS = ("Service", "Version", "Behind", "Updated", "Drift", "Waivers", "Conflicts")


def show_status(
    paths: Paths = None,
    file: File = None,
    json: Json = False,
    html: Annotated[Path | None, typer.Option(help="Write an HTML report to this file.")] = None,
    policy: Annotated[
        Path | None, typer.Option(help="Show in the report who does not comply with this policy.")
    ] = None,
    history: Annotated[
        Path | None,
        typer.Option(help="Keep each day's JSON in this folder, and chart it in the report."),
    ] = None,
    conflicts: Annotated[
        bool, typer.Option("--conflicts", help="Find conflicts by an update in memory.")
    ] = False,
    template: Templates = None,
    timeout: Timeout = SECONDS,
) -> None:
    """Show version, age, drift and waivers of services. Changes nothing.

    Exits with 1 when a service cannot be read, and still shows the others.
    """
    if policy and not html:
        raise FleetError("--policy is shown in the report: add --html, or run `fleet policy`.")
    demanded = toml_file.read(policy, Policy) if policy else Policy()
    named = [*(template or []), *(demanded.template or [])]
    work = partial(
        status.read_status, conflicts=conflicts, same=demanded.same, files=demanded.files
    )
    fleet = for_each(folders(paths, file), work, status.refused, limits(named, timeout))
    today = date.today()
    text = as_json(today, fleet)
    if history:
        keep(history, today, text)
    if html:
        adopted = adoption(history) if history else None
        findings = {one.path: check(one, demanded, today) for one in fleet} if policy else None
        write(html, html_report.html(Page(fleet, today, findings, adopted)))
    if json:
        typer.echo(text)
    else:
        _show(fleet, today)
    if any(service.error for service in fleet):
        raise typer.Exit(Exit.REFUSED)


def _show(fleet: list[Status], today: date) -> None:
    known = [service for service in fleet if not service.error]
    names = labels([(service.name, service.path) for service in known])
    rows = ([name, *_cells(one, today)] for name, one in zip(names, known, strict=True))
    show_table(COLUMNS, rows)
    for service in fleet:
        if service.error:
            show_line(f"{service.path}: {service.error}")


def _cells(service: Status, today: date) -> list[str]:
    waivers = [
        f"{waiver.path} {'EXPIRED' if waiver.is_expired(today) else 'until'} {waiver.expires}"
        for waiver in service.waivers
    ]
    return [
        service.version or "",
        str(service.behind),
        str(service.updated or "never"),
        ", ".join(service.drift),
        ", ".join(waivers),
        "not checked" if service.conflicts is None else ", ".join(service.conflicts),
    ]
