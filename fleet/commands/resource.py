"""`fleet service resource`: a new resource of the service in this folder."""

import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from fleet.commands.options import DryRun, Exit
from fleet.errors import FleetError
from fleet.resource import questions
from fleet.resource.changing import change
from fleet.resource.kept import keeping, path_of
from fleet.resource.mistakes import FieldsError
from fleet.resource.project import Project
from fleet.resource.reading import read
from fleet.resource.record import RECORD, Recorded, recorded, recording
from fleet.resource.resource import Resource
from fleet.resource.writing import API, files, own_files, write

Result = TypeVar("Result")
MIGRATION = ["make", "--no-print-directory", "migration"]


def add_resource(
    name: Annotated[str, typer.Option(help="One of the resource: order, order_line.")],
    fields: Annotated[
        str,
        typer.Option(help="number:str(20) unique, note:text?, ... Asked for, if there are none."),
    ] = "",
    plural: Annotated[str, typer.Option(help="Where English is irregular.")] = "",
    under: Annotated[str, typer.Option(help="The resource whose children these are.")] = "",
    sort: Annotated[
        str,
        typer.Option(help="The order of lists: created_at, or a field; -total: the last first."),
    ] = "",
    without: Annotated[str, typer.Option(help="What to leave out: etag, idempotency.")] = "",
    dry_run: DryRun = False,
) -> None:
    """Write a resource, its tests and its migration, or merge fields into one that was written.

    Overwrites nothing and commits nothing. Exits with 2 when there are conflicts.
    """
    project = Project(Path.cwd())
    project.require_core()
    known = recorded(project).get(name)
    if known and (project.folder / "app" / known.plural).is_dir():
        if plural or under or sort or without:
            raise FleetError(f"{name} is there already: only fields can be added to it.")
        _change(project, name, known, fields or known.fields, dry_run)
        return
    asked = Recorded(fields=fields, plural=plural, under=under, sort=sort, without=without)
    if not fields:
        given = _asked(lambda fields: read(project, name, _with(asked, fields)))
        asked = _with(asked, given)
    resource = _shown(partial(read, project, name, asked))
    written = files(project, resource)
    texts = written | {RECORD: recording(project, resource, asked)}
    if dry_run:
        _show(texts)
        return
    undo = write(project, {**texts, path_of(name): keeping(own_files(written))})
    _migrate(f"create {resource.singular}", undo)
    typer.echo(report(resource, texts))


def _with(asked: Recorded, fields: str) -> Recorded:
    return asked.model_copy(update={"fields": fields})


def _change(project: Project, name: str, known: Recorded, fields: str, dry_run: bool) -> None:
    changed = _shown(partial(change, project, name, known, fields))
    texts = changed.texts | {RECORD: recording(project, changed.resource, _with(known, fields))}
    if dry_run:
        _show(texts)
        return
    undo = write(project, {**texts, path_of(name): keeping(changed.written)})
    models = f"app/{known.plural}/models.py"
    for path in changed.left_deleted:
        typer.echo(f"{path}: deleted here, and left so")
    for path in changed.conflicts:
        typer.echo(f"{path}: changed here and by this, in the same lines")
    if changed.conflicts:
        typer.echo(f'Resolve the conflicts, then: make migration m="change {name}"')
        raise typer.Exit(Exit.CONFLICTS)
    if models in changed.texts:
        _migrate(f"change {name}", undo)
    typer.echo(f"Merged what is new into {len(changed.texts)} files of {known.plural}.")
    typer.echo("Read:   git diff, and the migration\nThen:   make migrate format check test")


def _shown(reading: Callable[[], Result]) -> Result:
    """What is read; a mistake is shown with its place."""
    try:
        return reading()
    except FieldsError as mistake:
        typer.echo(mistake.shown(), err=True)
        raise


def _show(texts: dict[str, str]) -> None:
    for path, text in texts.items():
        typer.echo(f"# {path}\n\n{text}")


def _migrate(what: str, undo: Callable[[], None]) -> None:
    """Let the service write the migration. If it cannot, nothing of it all stays."""
    made = subprocess.run(
        [*MIGRATION, f"m={what}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if made.returncode:
        undo()
        typer.echo(made.stdout)
        typer.echo("The migration could not be written, for the reason above. Nothing was changed.")
        raise typer.Exit(Exit.CHECKS_FAILED)


def _asked(reading: Callable[[str], Resource]) -> str:
    """Raises FleetError without a terminal."""
    if not sys.stdin.isatty():
        raise FleetError("Give the fields, such as 'number:str(20) unique, note:text?'.")
    fields = questions.ask(partial(_check, reading))
    typer.echo(f"\nThe fields: '{fields}'\n")
    return fields


def _check(reading: Callable[[str], Resource], fields: str) -> None:
    """Raises what is wrong with the fields, but for what more fields can mend."""
    try:
        reading(fields)
    except FieldsError:
        raise
    except FleetError as error:
        typer.echo(f"So far: {error}")


def report(resource: Resource, texts: dict[str, str]) -> str:
    many = resource.plural
    lines = [sum(text.count("\n") for path, text in texts.items() if path.startswith(folder))
             for folder in (f"app/{many}/", f"tests/{many}/")]  # fmt: skip
    return "\n".join(
        [
            f"Wrote app/{many} ({lines[0]} lines), tests/{many} ({lines[1]} lines), a migration,",
            f"and two lines of {API}: all yours from now on, like what you write by hand.",
            "",
            "Read:   git status; git diff",
            "Then:   make migrate check test",
            f"Try:    make dev, and GET {resource.path}",
        ]
    )
