"""`fleet preset`: checks an organization's answers before services use them."""

from pathlib import Path
from typing import Annotated

import typer

from fleet import presets
from fleet.commands.options import Origin, Timeout, To, address
from fleet.limited import SECONDS, Fence
from fleet.template import open_template


def check_preset(
    file: Annotated[Path, typer.Argument(help="Answers in YAML, for `copier copy --data-file`.")],
    template: Origin,
    to: To = "",
    timeout: Timeout = SECONDS,
) -> None:
    """Check the answers in a file: copier ignores unknown ones and coerces others."""
    with Fence(file, timeout).inside(), open_template(address(template)) as opened:
        version = opened.describe(to or opened.newest)
        checked = presets.check(opened, version, file)
    typer.echo(f"Version {version} of the template accepts the answers: {', '.join(checked)}.")
