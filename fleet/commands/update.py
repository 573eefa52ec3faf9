"""`fleet update`: updates many services, each on its own branch."""

import json
import os
from collections import Counter
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from fleet.commands.options import Exit, File, Paths, Templates, Timeout, To, folders, limits
from fleet.errors import FleetError
from fleet.fences import SECONDS, for_each
from fleet.output import printable
from fleet.update_branch import Outcome, Request, Result, refused, update_branch
from fleet.waves import wave

EXITS = {
    Outcome.REFUSED: Exit.REFUSED,
    Outcome.CONFLICTS: Exit.CONFLICTS,
    Outcome.CHECKS_FAILED: Exit.CHECKS_FAILED,
}


def update_services(
    paths: Paths = None,
    file: File = None,
    to: To = "",
    waves: Annotated[Path | None, typer.Option(help="A TOML file of waves.")] = None,
    wave_name: Annotated[str, typer.Option("--wave", help="The wave to update.")] = "",
    check: Annotated[str, typer.Option(help="A shell command to run on each update.")] = "",
    patches: Annotated[Path | None, typer.Option(help="Write patches to this folder.")] = None,
    template: Templates = None,
    timeout: Timeout = SECONDS,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Commit an update on a branch of each service. Working trees stay untouched.

    Existing branches stay as they are. Exits with 1 when a service is refused, else with 2 when
    one has conflicts, else with 3 when checks fail.
    """
    if wave_name and not waves:
        raise FleetError(f"Name the file that defines the wave {wave_name} with --waves.")
    named = folders([*(paths or []), *(wave(waves, wave_name) if waves else [])], file)
    request = Request(to=to, check=check, patches=_patches(named, patches) if patches else {})
    moves = for_each(
        named, partial(update_branch, request=request), refused, limits(template, timeout)
    )
    if as_json:
        typer.echo(json.dumps([asdict(made) for made in moves], indent=2, ensure_ascii=False))
    else:
        _print(moves)
    outcomes = _counts(moves)
    raise typer.Exit(next((code for outcome, code in EXITS.items() if outcome in outcomes), 0))


def _patches(services: list[Path], folder: Path) -> dict[Path, Path]:
    """A file per service, named by the service's path below the folder that all have in common."""
    common = os.path.commonpath([service.resolve().parent for service in services])
    return {
        service: folder / f"{'-'.join(service.resolve().relative_to(common).parts)}.patch"
        for service in services
    }


def _print(moves: list[Result]) -> None:
    table = Table("Service", "From", "To", "Outcome", "Seconds")
    for made in moves:
        cells = (made.name, made.before, made.after, made.outcome, f"{made.seconds:.1f}")
        table.add_row(*(Text(cell) for cell in cells))
    Console(soft_wrap=True).print(table)
    for made in moves:
        reasons = [f"{path}: {reason}" for path, reason in made.conflicts.items()]
        for line in [made.note, *reasons, *_carried(made)]:
            if line:
                typer.echo(f"{made.path}: {line}")
    counts = _counts(moves)
    typer.echo(", ".join(f"{name}: {counts[name]}" for name in Outcome if name in counts) + ".")
    if branches := sorted({made.branch for made in moves if made.branch}):
        typer.echo(f"Branches: {', '.join(branches)}.")


def _carried(made: Result) -> list[str]:
    """What is left to do in the service's own files. The commit says what was rewritten."""
    rewritten = sum(bool(file.changes) for file in made.carried)
    left = [
        f"{printable(file.path)}:{left.line}: {left.reason}"
        for file in made.carried
        for left in file.left
    ]
    counted = f"Files rewritten for moved names: {rewritten}." if rewritten else ""
    hand = "There are steps to do by hand: the commit lists them." if made.recipes else ""
    return [counted, *left, hand]


def _counts(moves: list[Result]) -> Counter[Outcome]:
    return Counter(made.outcome for made in moves)
