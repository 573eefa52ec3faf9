"""`fleet update`: many services, each on a branch of its own."""

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

from fleet.commands.options import Exit, File, Paths, To, folders
from fleet.errors import FleetError
from fleet.move import Move, Order, Outcome, move, refused
from fleet.output import printable
from fleet.parallel import for_each
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
    waves: Annotated[Path | None, typer.Option(help="A file of waves, in TOML.")] = None,
    wave_name: Annotated[str, typer.Option("--wave", help="The wave to update.")] = "",
    check: Annotated[str, typer.Option(help="A command to run on each updated service.")] = "",
    patches: Annotated[Path | None, typer.Option(help="A folder for patches.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Commit a newer version to a branch in each service; no working tree is touched.

    Branches that are there stay as they are. Exits with 1 when a service is refused, else with 2
    when one has conflicts, else with 3 when checks fail.
    """
    if wave_name and not waves:
        raise FleetError(f"Name the file that has the wave {wave_name} with --waves.")
    named = folders([*(paths or []), *(wave(waves, wave_name) if waves else [])], file)
    order = Order(to, check, _patches(named, patches) if patches else {})
    moves = for_each(named, partial(move, order=order), refused)
    if as_json:
        typer.echo(json.dumps([asdict(it) for it in moves], indent=2, ensure_ascii=False))
    else:
        _tell(moves)
    raise typer.Exit(next((code for it, code in EXITS.items() if it in _counts(moves)), 0))


def _patches(services: list[Path], folder: Path) -> dict[Path, Path]:
    """A file for each service, named after its folder as far as they have no folder in common."""
    common = os.path.commonpath([service.resolve().parent for service in services])
    return {
        service: folder / f"{'-'.join(service.resolve().relative_to(common).parts)}.patch"
        for service in services
    }


def _tell(moves: list[Move]) -> None:
    table = Table("service", "from", "to", "outcome", "seconds")
    for it in moves:
        cells = (it.name, it.before, it.after, it.outcome, f"{it.seconds:.1f}")
        table.add_row(*(Text(cell) for cell in cells))
    Console(soft_wrap=True).print(table)
    for it in moves:
        reasons = [f"{path}: {reason}" for path, reason in it.conflicts.items()]
        for line in [it.note, *reasons, *_carried(it)]:
            if line:
                typer.echo(f"{it.path}: {line}")
    counts = _counts(moves)
    typer.echo(", ".join(f"{counts[it]} {it}" for it in Outcome if it in counts) + ".")
    if branches := sorted({it.branch for it in moves if it.branch}):
        typer.echo(f"Branches: {', '.join(branches)}.")


def _carried(it: Move) -> list[str]:
    """What is left in the service's own files; the commit tells what was rewritten."""
    rewritten = sum(bool(file.changes) for file in it.carried)
    left = [
        f"{printable(file.path)}:{left.line}: {left.reason}"
        for file in it.carried
        for left in file.left
    ]
    counted = f"{rewritten} files rewritten for moved names." if rewritten else ""
    hand = "Something is left to do by hand: the commit says what." if it.recipes else ""
    return [counted, *left, hand]


def _counts(moves: list[Move]) -> Counter[Outcome]:
    return Counter(it.outcome for it in moves)
