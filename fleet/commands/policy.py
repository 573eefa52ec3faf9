"""`fleet policy`: whether services comply with the organization's policy."""

from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from fleet import policy, status, toml_file
from fleet.commands.options import Exit, File, Json, Paths, Templates, Timeout, folders, limits
from fleet.fences import for_each
from fleet.limited import SECONDS
from fleet.output import as_json, printable, write
from fleet.policy import Finding, Policy
from fleet.sarif import as_sarif


@dataclass(frozen=True)
class Checked:
    """A service as `--json` prints it."""

    path: str
    name: str
    findings: list[Finding]


def check_policy(
    demands: Annotated[Path, typer.Argument(metavar="POLICY", help="The policy, a TOML file.")],
    paths: Paths = None,
    file: File = None,
    json: Json = False,
    sarif: Annotated[Path | None, typer.Option(help="Write SARIF 2.1.0 to this file.")] = None,
    template: Templates = None,
    timeout: Timeout = SECONDS,
) -> None:
    """Check services against a policy. Changes nothing.

    Exits with 5 when a service does not comply, and with 1 when the policy is invalid.
    """
    demanded = toml_file.read(demands, Policy)
    allowed = limits([*(template or []), *(demanded.template or [])], timeout)
    work = partial(status.read_status, same=demanded.same, files=demanded.files)
    fleet = for_each(folders(paths, file), work, status.refused, allowed)
    today = date.today()
    checked = [Checked(s.path, s.name, policy.check(s, demanded, today)) for s in fleet]
    findings = [finding for service in checked for finding in service.findings]
    if sarif:
        write(sarif, as_sarif(findings))
    typer.echo(as_json(today, checked) if json else _text(findings, len(fleet)))
    if findings:
        raise typer.Exit(Exit.VIOLATED)


def _text(findings: list[Finding], services: int) -> str:
    lines = [f"{finding.service}: {finding.code} {finding.message}" for finding in findings]
    return "\n".join([*map(printable, lines), f"Services: {services}, findings: {len(findings)}."])
