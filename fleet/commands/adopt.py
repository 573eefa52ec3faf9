"""`fleet adopt`: a service that was not made from the template."""

from pathlib import Path
from typing import Annotated

import typer

from fleet import adopt, presets, pull_request
from fleet.adopt import Adoption
from fleet.commands.options import Data, DataFile, Origin, Timeout, To, address, answers
from fleet.limited import SECONDS, Fence
from fleet.template import open_template


def adopt_service(
    path: Annotated[Path, typer.Argument(help="The folder of the service.")],
    template: Origin,
    to: To = "",
    data: Data = [],  # noqa: B006 (Typer reads it and changes nothing)
    data_file: DataFile = None,
    timeout: Timeout = SECONDS,
    write: Annotated[bool, typer.Option("--write", help="Add the missing files.")] = False,
) -> None:
    """Report the template's files that a service lacks, and those that differ.

    --write adds the missing files and the answers file; existing files never change.
    """
    with Fence(path, timeout).inside():
        adopt.require_adoptable(path)
        with open_template(address(template)) as opened:
            version = to or opened.newest
            chosen = presets.chosen(opened, version, data_file, answers(data))
            adoption = adopt.compare(path, opened, version, chosen)
    if write:
        adopt.write(path, adoption)
    typer.echo(_summary(adoption, "Added" if write else "Would be added"))
    typer.echo(
        "Review with `git status`, then commit: `fleet service update` works from now on."
        if write
        else "Nothing was written. --write adds the missing files and changes no others."
    )


def _summary(adoption: Adoption, added: str) -> str:
    diffs = "".join(adoption.differing.values()).rstrip("\n")
    parts = [
        f"The template is at {adoption.version}.",
        pull_request.listed(added, adoption.missing),
        pull_request.listed("Identical", adoption.same),
        pull_request.listed("Different, left as they are", adoption.differing),
        f"# Differences\n\n{diffs}" if diffs else "",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"
