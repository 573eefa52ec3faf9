"""An organization's services: made from real releases, edited, and some of them broken."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fleet.service import ANSWERS_FILE
from fleet.update_branch import Outcome
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
    """Done last. Committed only by those in COMMITTED."""


def clash(service: Path) -> None:
    """An edit in the line that the newest version changes."""
    makefile = service / "Makefile"
    makefile.write_text(OURS + makefile.read_text().partition("\n")[2])


def fail(service: Path) -> None:
    (service / "failing").touch()


def linked(service: Path) -> None:
    (service / ANSWERS_FILE).rename(service / "answers.yml")
    (service / ANSWERS_FILE).symlink_to("answers.yml")


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


BROKEN = [linked, broken_yaml, template_away, no_repository, no_answers, unknown_version]
COMMITTED = {broken_yaml, linked, no_answers, template_away, unknown_version}

# How many services come to which outcome.
TWELVE = {
    Outcome.UPDATED: 6,
    Outcome.UP_TO_DATE: 1,
    Outcome.CONFLICTS: 1,
    Outcome.CHECKS_FAILED: 1,
    Outcome.REFUSED: 3,
}
TWO_HUNDRED = {
    Outcome.UPDATED: 156,
    Outcome.UP_TO_DATE: 8,
    Outcome.CONFLICTS: 12,
    Outcome.CHECKS_FAILED: 6,
    Outcome.REFUSED: 18,
}


def organization(counts: Mapping[Outcome, int]) -> list[Simulated]:
    """For each outcome its number of services, spread evenly over releases, presets and edits."""
    unedited = [
        Simulated(Outcome.UPDATED, release.version, preset, answers, edits.nothing)
        for release in history.releases()
        for preset, answers in release.presets.items()
    ]
    possible: dict[Outcome, list[Simulated]] = {
        Outcome.UPDATED: [
            replace(service, edit=edit) for service in unedited for edit in edits.EDITS
        ],
        Outcome.UP_TO_DATE: [
            replace(service, release=history.NEWER, edit=edits.add_a_workflow)
            for service in unedited
        ],
        Outcome.CONFLICTS: [replace(service, edit=clash) for service in unedited],
        Outcome.CHECKS_FAILED: [replace(service, edit=fail) for service in unedited],
        Outcome.REFUSED: [
            replace(service, edit=edits.change_settings, broken=broken)
            for service in unedited
            for broken in BROKEN
        ],
    }
    return [
        replace(simulated, outcome=outcome)
        for outcome, count in counts.items()
        for simulated in spread(possible[outcome], count)
    ]


def spread(possible: list[Simulated], count: int) -> list[Simulated]:
    return [possible[number * len(possible) // count] for number in range(count)]


def make(simulated: Simulated, rendered: Rendered, destination: Path) -> None:
    render = rendered(simulated.release, simulated.answers)
    edits.made(simulated.edit, render, destination)
    simulated.broken(destination)
    if simulated.broken in COMMITTED:
        services.commit(destination, "Break it")
