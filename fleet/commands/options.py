"""What the commands share: options, and what exit codes tell."""

from enum import IntEnum
from pathlib import Path
from typing import Annotated

import typer

from fleet.errors import FleetError

To = Annotated[str, typer.Option(help="A version of the template; by default the newest.")]
Origin = Annotated[
    str, typer.Option("--template", help="The template's address, as for `copier copy`.")
]
Data = Annotated[list[str], typer.Option(help="An answer that changes, as question=answer.")]
DataFile = Annotated[Path | None, typer.Option(help="A preset: answers in a file of YAML.")]
Paths = Annotated[list[Path] | None, typer.Argument(help="Folders of services.")]
File = Annotated[
    Path | None, typer.Option(help="A file with a folder per line, relative to the file.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


class Exit(IntEnum):
    """What the exit code of a command tells."""

    REFUSED = 1
    CONFLICTS = 2
    CHECKS_FAILED = 3
    DRIFT = 4
    VIOLATED = 5


def address(origin: str) -> str:
    """What a service records: a folder by its whole path, as it is another one from elsewhere."""
    return str(Path(origin).resolve()) if Path(origin).is_dir() else origin


def answers(data: list[str]) -> dict[str, str]:
    """Raises FleetError for what is not `question=answer`."""
    pairs = [item.partition("=") for item in data]
    for name, equals, _ in pairs:
        if not (name and equals):
            raise FleetError(f'"{name}" is not an answer: write --data question=answer.')
    return {name: value for name, _, value in pairs}


def folders(paths: list[Path] | None, file: Path | None) -> list[Path]:
    """The services' folders in their order, each once. Raises FleetError when there are none."""
    named = list(paths or [])
    if file:
        named += listed(file)
    if not named:
        raise FleetError("Name the services: folders, or --file with a folder per line.")
    once: dict[Path, Path] = {}
    for folder in named:
        once.setdefault(folder.resolve(), folder)
    return list(once.values())


def listed(file: Path) -> list[Path]:
    """The folders that a file lists. Empty lines and what follows a # do not count."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise FleetError(f"{file} cannot be read: {error.strerror}.") from error
    names = [line.partition("#")[0].strip() for line in lines]
    return [file.parent / name for name in names if name]
