"""The command line."""

import signal
import sys

import typer

from fleet.commands import policy, service, status
from fleet.commands.adopt import adopt_service
from fleet.commands.options import Exit
from fleet.commands.preset import check_preset
from fleet.commands.update import update_services
from fleet.errors import FleetError
from fleet.output import printable
from fleet.temporary import of_process

app = typer.Typer(
    help="Keep services up to date with their template.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(service.app, name="service")
app.command("status")(status.show_status)
app.command("update")(update_services)
app.command("policy")(policy.check_policy)
app.command("adopt")(adopt_service)
app.command("preset")(check_preset)


def main() -> None:
    """The console script: a refusal is one sentence, not a traceback."""
    of_process()
    signal.signal(signal.SIGTERM, _terminate)
    try:
        app()
    except FleetError as error:
        typer.echo(f"fleet: {printable(str(error))}", err=True)
        sys.exit(Exit.REFUSED)


def _terminate(*_: object) -> None:
    """Leave nothing behind, as after Ctrl-C."""
    sys.exit(128 + signal.SIGTERM)
