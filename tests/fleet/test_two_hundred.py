"""`fleet update` on an organization's services: 12 of them, or 200 with --full.

With figures: uv run pytest tests/fleet/test_two_hundred.py --full -rP
"""

import json
import statistics
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from fleet.update_branch import Outcome
from tests.fleet import simulated
from tests.fleet.conftest import Fleet, outcomes
from tests.fleet.simulated import Rendered, Simulated
from tests.fleet.untouched import refs, state
from tests.support import edits, history, services
from tests.support.trees import carried, files_of, mishaps
from tests.update_matrix.conftest import render

pytestmark = pytest.mark.slow

BRANCH = f"template-update/{history.NEWER}"
MOVED = (Outcome.UPDATED, Outcome.CHECKS_FAILED, Outcome.CONFLICTS)


@pytest.fixture
def rendered(tmp_path: Path) -> Rendered:
    """`rendered(version, answers)`: what copier writes, once for each."""
    releases = history.clone(tmp_path / "releases")
    template = history.once_more(releases, tmp_path / "template")
    done: dict[str, Path] = {}

    def rendered(version: str, answers: Any) -> Path:
        key = f"{version} {sorted(answers.items())}"
        if key not in done:
            destination = tmp_path / "rendered" / str(len(done)) / "my-service"
            done[key] = render(template, destination, version, answers)
        return done[key]

    return rendered


@pytest.fixture
def organization(full: bool, rendered: Rendered, tmp_path: Path) -> dict[str, Simulated]:
    """The services by the names of their folders, in `tmp_path / "services"`."""
    counts = simulated.TWO_HUNDRED if full else simulated.TWELVE
    made = {f"{number:03}": one for number, one in enumerate(simulated.organization(counts))}
    for name, service in made.items():
        simulated.make(service, rendered, tmp_path / "services" / name)
    return made


def test_all_services_are_moved_and_no_edit_is_lost(
    fleet: Fleet, organization: dict[str, Simulated], rendered: Rendered, tmp_path: Path
) -> None:
    folder = tmp_path / "services"
    untouched, names = state(folder), sorted(organization)
    command = ("update", *names, "--json", "--check", simulated.CHECK)

    began = time.perf_counter()
    first = fleet(folder, *command)
    seconds = time.perf_counter() - began
    branches = refs(folder)
    began = time.perf_counter()
    second = fleet(folder, *command)
    again = time.perf_counter() - began

    moves = json.loads(first.output)["services"]
    expected = {name: service.outcome for name, service in organization.items()}
    assert outcomes(first) == expected
    assert outcomes(second) == expected
    assert (first.code, second.code) == (1, 1)
    assert state(folder) == untouched
    assert refs(folder) == branches
    assert lost(organization, rendered, tmp_path) == {}
    sys.stdout.write(figures(moves, seconds, again))


def test_the_status_of_all_services_is_told(
    fleet: Fleet, organization: dict[str, Simulated], tmp_path: Path
) -> None:
    folder = tmp_path / "services"
    untouched = state(folder)

    began = time.perf_counter()
    run = fleet(folder, "status", *sorted(organization), "--json")
    seconds = time.perf_counter() - began

    told = {
        service["path"]: (service["version"], service["drift"], service["error"] is None)
        for service in json.loads(run.output)["services"]
    }
    assert told == {name: stands(service) for name, service in organization.items()}
    assert state(folder) == untouched
    sys.stdout.write(f"The status of {len(told)} services took {seconds:.0f} s.\n")


def stands(service: Simulated) -> tuple[str | None, list[str], bool]:
    """The version, the drift, and whether they can be told."""
    if service.broken is not edits.nothing:
        return None, [], False
    drifts = service.edit in {edits.change_a_file_of_the_template, simulated.clash}
    return service.release, ["Makefile"] if drifts else [], True


def lost(
    organization: dict[str, Simulated], rendered: Rendered, tmp_path: Path
) -> dict[str, dict[str, Any]]:
    """What is not on the branch as it has to be, by service; a conflict is, with both sides."""
    found = {}
    for name, service in organization.items():
        if service.outcome in MOVED:
            fresh = rendered(history.NEWER, service.answers)
            edited = tmp_path / "edited" / f"{service.preset}-{service.edit.__name__}"
            if not edited.exists():
                edits.made(service.edit, fresh, edited)
            old = rendered(service.release, service.answers)
            folder = tmp_path / "services" / name
            found[name] = lost_on_branch(service, folder, old, fresh, edited)
    return {name: what for name, what in found.items() if what}


def lost_on_branch(
    service: Simulated, folder: Path, old: Path, fresh: Path, edited: Path
) -> dict[str, Any]:
    checkout = edited.parents[1] / "checkouts" / folder.name
    services.git(
        folder, "clone", "--quiet", "--shared", "--branch", BRANCH, str(folder), str(checkout)
    )
    found = mishaps(checkout, carried(files_of(folder)), old, fresh, edited, dict(service.answers))
    if service.outcome is not Outcome.CONFLICTS:
        return found
    text = (checkout / "Makefile").read_text()
    both = simulated.OURS in text and "# Newer: `make` lists" in text
    clashed = set(found) == {"conflicts", "template"} and set(found["template"]) == {"Makefile"}
    return {} if both and clashed else found


def figures(moves: list[dict[str, Any]], seconds: float, again: float) -> str:
    """How long each outcome takes."""
    taken = defaultdict(list)
    for move in moves:
        taken[move["outcome"]].append(move["seconds"])
    rows = "\n".join(
        f"| {outcome} | {len(taken[outcome])} | {statistics.median(taken[outcome]):.2f} |"
        for outcome in Outcome
    )
    return (
        f"| outcome | services | seconds for each (median) |\n| --- | --- | --- |\n{rows}\n\n"
        f"{len(moves)} services in {seconds:.0f} s; the second run took {again:.0f} s.\n"
    )
