"""Options and exit codes that the commands share."""

from enum import IntEnum
from pathlib import Path
from typing import Annotated

import typer

from fleet.addresses import Allowed
from fleet.errors import FleetError
from fleet.fences import Limits

To = Annotated[str, typer.Option(help="The template's version; the newest by default.")]
Origin = Annotated[
    str, typer.Option("--template", help="The template's address, as for `copier copy`.")
]
Data = Annotated[list[str], typer.Option(help="An answer to change, as question=answer.")]
DataFile = Annotated[Path | None, typer.Option(help="A preset: answers in a YAML file.")]
Paths = Annotated[list[Path] | None, typer.Argument(help="Folders of services.")]
File = Annotated[
    Path | None, typer.Option(help="A file of folders, one per line, relative to the file.")
]
Templates = Annotated[
    list[str] | None,
    typer.Option(
        "--template",
        envvar="FLEET_TEMPLATE",
        help="A template's address; services of others are refused. May be given often.",
    ),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Change nothing: tell what would become of each file.")
]
Timeout = Annotated[float, typer.Option(min=1, help="Seconds that the work on one may take.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


class Exit(IntEnum):
    """What a command's exit code means."""

    REFUSED = 1
    CONFLICTS = 2
    CHECKS_FAILED = 3
    DRIFT = 4
    VIOLATED = 5


def address(origin: str) -> str:
    """The address that a service records: absolute, as a relative one depends on where it is."""
    return str(Path(origin).resolve()) if Path(origin).is_dir() else origin


def limits(templates: list[str] | None, timeout: float) -> Limits:
    return Limits(timeout, Allowed(tuple(address(each) for each in templates or [])))


def answers(data: list[str]) -> dict[str, str]:
    """Raises FleetError for what is not `question=answer`."""
    pairs = [item.partition("=") for item in data]
    for name, equals, _ in pairs:
        if not (name and equals):
            raise FleetError(f'"{name}" is not an answer: write --data question=answer.')
    return {name: value for name, _, value in pairs}


def folders(paths: list[Path] | None, file: Path | None) -> list[Path]:
    """The services' folders in order, without duplicates. Raises FleetError if there are none."""
    named = list(paths or [])
    if file:
        named += listed(file)
    if not named:
        raise FleetError("Name the services' folders, or a --file with one folder per line.")
    once: dict[Path, Path] = {}
    for folder in named:
        once.setdefault(folder.resolve(), folder)
    return list(once.values())


def listed(file: Path) -> list[Path]:
    """The folders that a file lists. Empty lines and comments (#) are ignored."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise FleetError(f"{file} cannot be read: {error.strerror}.") from error
    names = [line.partition("#")[0].strip() for line in lines]
    return [file.parent / name for name in names if name]
