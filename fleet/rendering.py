"""Runs copier, and turns its errors into sentences."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import copier
from copier.errors import CopierError
from jinja2 import TemplateError

from fleet.errors import FleetError

REFUSED = re.compile(r"(?:Validation error for question|Invalid choice for) '(.+?)': (.*)")


def run(
    source: Path,
    commit: str,
    answers: Mapping[str, Any],
    destination: Path,
    *,
    version: str,
    leave_out: Sequence[str] = (),
    pretend: bool = False,
) -> None:
    """Render a commit as `copier copy` does, without running its code. Errors name `version`.

    Raises FleetError if the version refuses an answer or needs to run code.
    """
    try:
        copier.run_copy(
            str(source),
            destination,
            data=dict(answers),
            vcs_ref=commit,
            exclude=leave_out,
            settings=copier.Settings(),  # ignore the user's own, which may trust or answer
            defaults=True,
            quiet=True,
            pretend=pretend,
        )
    except (CopierError, TemplateError, ValueError, TypeError) as error:
        refusal = _refusal(answers, " ".join(str(error).split()))
        raise FleetError(f"Version {version} of the template {refusal}") from error


def _refusal(answers: Mapping[str, Any], reason: str) -> str:
    """Copier's own words, with the value if they name a question."""
    found = REFUSED.match(reason)
    if not found or found[1] not in answers:
        return f"does not render with these answers: {reason}"
    value = json.dumps(answers[found[1]], ensure_ascii=False, default=str)
    return f"refuses the answer {found[1]} = {value}: {found[2]}"
