"""`fleet policy`: whether each service of a fleet does as the organization demands."""

from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import TypeAdapter

from fleet import policy, settings, status
from fleet.commands.options import Exit, File, Json, Paths, folders
from fleet.output import printable, write
from fleet.parallel import for_each
from fleet.policy import Finding, Policy
from fleet.sarif import sarif as as_sarif

FORMAT = 1
"""Of the JSON: raised when a key is renamed or removed, not when one is added."""


def check_policy(
    demands: Annotated[Path, typer.Argument(metavar="POLICY", help="A file in TOML.")],
    paths: Paths = None,
    file: File = None,
    json: Json = False,
    sarif: Annotated[Path | None, typer.Option(help="A file for CI, in SARIF 2.1.0.")] = None,
) -> None:
    """Check services against a policy. Changes nothing.

    Exits with 5 when one does not comply, and with 1 when the policy itself is refused.
    """
    demanded = settings.read(demands, Policy)
    fleet = for_each(folders(paths, file), status.status, status.refused)
    today = date.today()
    findings = [finding for it in fleet for finding in policy.check(it, demanded, today)]
    if sarif:
        write(sarif, as_sarif(findings))
    typer.echo(_json(findings, today, len(fleet)) if json else _text(findings, len(fleet)))
    if findings:
        raise typer.Exit(Exit.VIOLATED)


def _text(findings: list[Finding], services: int) -> str:
    lines = [f"{finding.service}: {finding.code} {finding.message}" for finding in findings]
    return "\n".join([*map(printable, lines), f"Services: {services}, findings: {len(findings)}."])


def _json(findings: list[Finding], today: date, services: int) -> str:
    document = {"format": FORMAT, "date": today, "services": services, "findings": findings}
    return TypeAdapter(dict[str, Any]).dump_json(document, indent=2).decode()
