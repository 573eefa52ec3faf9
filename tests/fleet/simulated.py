"""An organization's services: made from real releases, edited, and some of them broken."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from fleet.move import Outcome
from fleet.service import ANSWERS_FILE
from tests.support import edits, history, services
from tests.support.edits import Edit

Rendered = Callable[[str, Mapping[str, Any]], Path]
CHECK = "test ! -e failing"
OURS = "# Ours.\n"


@dataclass(frozen=True)
class Simulated:
    """A service, and what is to become of it."""

    outcome: Outcome
    release: str
    preset: str
    answers: Mapping[str, Any]
    edit: Edit
    broken: Edit = edits.nothing
    """Is done last, and not committed."""


def clash(service: Path) -> None:
    """An edit in the line that the newest version changes."""
    makefile = service / "Makefile"
    makefile.write_text(OURS + makefile.read_text().partition("\n")[2])


def fail(service: Path) -> None:
    (service / "failing").touch()


def dirty(service: Path) -> None:
    (service / "new.py").touch()


def no_repository(service: Path) -> None:
    (service / ".git").rename(service / "not.git")


def no_answers(service: Path) -> None:
    (service / ANSWERS_FILE).unlink()


def broken_yaml(service: Path) -> None:
    (service / ANSWERS_FILE).write_text("a: [")


def template_away(service: Path) -> None:
    (service / ANSWERS_FILE).write_text("_src_path: /dev/null/nowhere\n_commit: v1.0.0\n")


def unknown_version(service: Path) -> None:
    text = (service / ANSWERS_FILE).read_text().replace("_commit: v", "_commit: v7")
    (service / ANSWERS_FILE).write_text(text)


BROKEN = [dirty, broken_yaml, template_away, no_repository, no_answers, unknown_version]


def organization(full: bool) -> Iterator[Simulated]:
    """12 services or 200."""
    cases = [
        (it.version, preset, answers)
        for it in history.releases()
        for preset, answers in it.presets.items()
    ]
    edited = list(product(cases, edits.EDITS))
    # In steps that are prime to their number: few are mixed, and many are all of them.
    for number in range(156 if full else 6):
        (release, preset, answers), edit = edited[number * 61 % len(edited)]
        yield Simulated(Outcome.UPDATED, release, preset, answers, edit)
    newest = [(history.NEWER, preset, answers) for _, preset, answers in cases]
    for number in range(8 if full else 1):
        yield Simulated(Outcome.UP_TO_DATE, *newest[number % len(newest)], edits.add_a_workflow)
    for number in range(12 if full else 1):
        yield Simulated(Outcome.CONFLICTS, *cases[number % len(cases)], clash)
    for number in range(6 if full else 1):
        yield Simulated(Outcome.CHECKS_FAILED, *cases[number % len(cases)], fail)
    for number in range(18 if full else 3):
        breakage = BROKEN[number % len(BROKEN)]
        yield Simulated(
            Outcome.REFUSED, *cases[number % len(cases)], edits.change_settings, breakage
        )


def make(simulated: Simulated, rendered: Rendered, destination: Path) -> None:
    render = rendered(simulated.release, simulated.answers)
    edits.made(simulated.edit, render, destination)
    simulated.broken(destination)
    if simulated.broken in {broken_yaml, no_answers, template_away, unknown_version}:
        services.commit(destination, "Break it")
