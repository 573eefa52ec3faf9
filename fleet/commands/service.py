"""`fleet service`: the commands that a service's Makefile runs."""

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated

import typer

from fleet import presets, pull_request
from fleet.commands.options import Data, DataFile, DryRun, Exit, Timeout, To, answers
from fleet.commands.resource import add_resource
from fleet.drift import find_drift
from fleet.limited import SECONDS, Fence
from fleet.service import Service, open_service, require_clean
from fleet.table import show_line
from fleet.template import Template, open_template
from fleet.update import is_up_to_date, make_update
from fleet.update_branch import Request, foreseen, left_out, propose
from fleet.worktree import read_files, switch, write_update

app = typer.Typer(help="The service in this folder.", no_args_is_help=True)

app.command("resource")(add_resource)

CHECKS = ["make", "--no-print-directory", "lock", "check", "test"]


@app.command("update")
def update_service(
    to: To = "",
    data: Data = [],  # noqa: B006 (Typer reads it and changes nothing)
    data_file: DataFile = None,
    dry_run: DryRun = False,
    checks: Annotated[bool, typer.Option(help="Run `make lock check test` afterwards.")] = True,
    timeout: Timeout = SECONDS,
) -> None:
    """Merge the template's changes into the working tree. Commits nothing.

    Exits with 1 when it refuses, with 2 when there are conflicts, with 3 when checks fail.
    """
    with this_service(timeout) as (service, template, fence):
        with fence.inside():
            chosen = presets.chosen(template, to or template.newest, data_file, answers(data))
            new = {name: one for name, one in chosen.items() if service.answers.get(name) != one}
            if not new and is_up_to_date(service, template, to):
                typer.echo(f"{service.name} is up to date with the template: {service.version}.")
                return
            if not dry_run:
                require_clean(service.folder)
            made = make_update(service, template, to=to, data=new)
            files = foreseen(service.repository, made) if dry_run else {}
        if dry_run:
            for path, what in files.items():
                show_line(f"{path}: {what}")
            raise typer.Exit(Exit.CONFLICTS if made.conflicts else 0)
        write_update(service.repository, made)
    typer.echo(f"{pull_request.subject(made)}.\n\n{pull_request.summary(made)}\n")
    if made.conflicts:
        typer.echo("Resolve the conflicts and `git add` the files, then: make lock check test")
        raise typer.Exit(Exit.CONFLICTS)
    if checks and subprocess.run(CHECKS, check=False).returncode:
        typer.echo("The update is merged, but `make lock check test` failed: see above.")
        raise typer.Exit(Exit.CHECKS_FAILED)
    typer.echo("Review with `git diff HEAD`, then commit.")


@app.command("drift")
def show_drift(timeout: Timeout = SECONDS) -> None:
    """Show how the template's files differ from the recorded version. Exits with 4 if any do."""
    with this_service(timeout) as (service, template, fence), fence.inside():
        diffs = find_drift(service, template, read_files)
    if diffs:
        typer.echo("".join(diffs.values()), nl=False)
        raise typer.Exit(Exit.DRIFT)
    typer.echo(f"{service.name} has no drift from the template's {service.version}.")


@app.command("branch")
def make_branch(
    body: Annotated[Path, typer.Option(help="Write the pull request's text to this file.")],
    leave_out: Annotated[str, typer.Option(help="A folder to put into a patch instead.")] = "",
    timeout: Timeout = SECONDS,
) -> None:
    """Commit an update to the newest version on its own branch, and print the branch's name.

    Prints nothing when the service is up to date.
    """
    with this_service(timeout) as (service, template, fence):
        with fence.inside():
            if is_up_to_date(service, template):
                return
            require_clean(service.folder)
            proposal = propose(service, template, Request(leave_out=leave_out))
            patch = left_out(service.repository, proposal.update, leave_out) if leave_out else ""
        switch(service.repository, proposal.branch)
    text = pull_request.text(
        proposal.update, patch=patch, left_out=leave_out, lock=proposal.is_locked
    )
    body.write_text(text, encoding="utf-8")
    typer.echo(proposal.branch)


@contextmanager
def this_service(seconds: float) -> Iterator[tuple[Service, Template, Fence]]:
    """The service here, its template, and the fence inside which both are read."""
    fence = Fence(Path.cwd(), seconds)
    with ExitStack() as opened:
        with fence.inside():
            service = opened.enter_context(open_service(fence.what))
            template = opened.enter_context(open_template(service.address))
        yield service, template, fence
