"""`fleet update`: updates many services, each on its own branch."""

import os
from collections import Counter
from collections.abc import Mapping
from datetime import date
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from fleet.commands.options import (
    Data,
    DataFile,
    DryRun,
    Exit,
    File,
    Json,
    Paths,
    Templates,
    Timeout,
    To,
    answers,
    folders,
    limits,
)
from fleet.errors import FleetError
from fleet.fences import for_each
from fleet.limited import SECONDS
from fleet.output import as_json
from fleet.presets import read
from fleet.table import labels, show_line, show_table
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
    data: Data = [],  # noqa: B006 (Typer reads it and changes nothing)
    data_file: DataFile = None,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Commit an update on a branch of each service. Working trees stay untouched.

    Existing branches stay as they are. Exits with 1 when a service is refused, else with 2 when
    one has conflicts, else with 3 when checks fail.
    """
    if wave_name and not waves:
        raise FleetError(f"Name the file that defines the wave {wave_name} with --waves.")
    if dry_run and (check or patches):
        raise FleetError("--dry-run makes no branch: leave out --check and --patches.")
    named = folders([*(paths or []), *(wave(waves, wave_name) if waves else [])], file)
    request = Request(
        to=to,
        texts=answers(data),
        data=read(data_file) if data_file else {},
        check=check,
        patches=_patches(named, patches) if patches else {},
        dry=dry_run,
    )
    work = partial(update_branch, request=request)
    moves = for_each(named, work, refused, limits(template, timeout))
    if json:
        typer.echo(as_json(date.today(), moves))
    else:
        _show(moves)
    outcomes = _counts(moves)
    raise typer.Exit(next((code for outcome, code in EXITS.items() if outcome in outcomes), 0))


def _patches(services: list[Path], folder: Path) -> dict[Path, Path]:
    """A file per service, named by the service's path below the folder that all have in common."""
    common = os.path.commonpath([service.resolve().parent for service in services])
    return {
        service: folder / f"{'-'.join(service.resolve().relative_to(common).parts)}.patch"
        for service in services
    }


def _show(results: list[Result]) -> None:
    names = labels([(result.name, result.path) for result in results])
    show_table(
        ("Service", "From", "To", "Outcome", "Seconds"),
        (
            (name, made.before, made.after, made.outcome, f"{made.seconds:.1f}")
            for name, made in zip(names, results, strict=True)
        ),
    )
    for made in results:
        for line in _lines(made):
            show_line(f"{made.path}: {line}")
    counts = _counts(results)
    typer.echo(", ".join(f"{name}: {counts[name]}" for name in Outcome if name in counts) + ".")
    if branches := sorted({made.branch for made in results if made.branch}):
        show_line(f"Branches: {', '.join(branches)}.")


def _lines(made: Result) -> list[str]:
    if made.files:
        return [line for line in [made.note, *_pairs(made.files)] if line]
    deleted = [f"{path}: changed in the template, still deleted here" for path in made.left_deleted]
    lines = [made.note, *_pairs(made.conflicts), *deleted, *_carried(made)]
    return [line for line in lines if line]


def _pairs(reasons: Mapping[str, str]) -> list[str]:
    return [f"{path}: {reason}" for path, reason in reasons.items()]


def _carried(made: Result) -> list[str]:
    """What is left to do in the service's own files. The commit says what was rewritten."""
    rewritten = sum(bool(file.changes) for file in made.carried)
    left = [
        f"{file.path}:{left.line}: {left.reason}" for file in made.carried for left in file.left
    ]
    counted = f"Files rewritten for moved names: {rewritten}." if rewritten else ""
    hand = "There are steps to do by hand: the commit lists them." if made.recipes else ""
    return [counted, *left, hand]


def _counts(moves: list[Result]) -> Counter[Outcome]:
    return Counter(made.outcome for made in moves)
