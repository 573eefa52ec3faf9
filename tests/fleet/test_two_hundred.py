"""`fleet update` on an organization's services: 12 of them, or 200 with --full.

The figures of docs/fleet-reference.md: uv run pytest tests/fleet/test_two_hundred.py --full -rP
"""

import json
import statistics
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest

from fleet.move import Outcome
from tests.fleet import simulated
from tests.fleet.conftest import Fleet
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
    made = {f"{number:03}": it for number, it in enumerate(simulated.organization(full))}
    for name, it in made.items():
        simulated.make(it, rendered, tmp_path / "services" / name)
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

    moves = json.loads(first.output)
    expected = {name: it.outcome for name, it in organization.items()}
    assert {it["path"]: it["outcome"] for it in moves} == expected
    assert {it["path"]: it["outcome"] for it in json.loads(second.output)} == expected
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
        it["path"]: (it["version"], it["drift"], it["error"] is None)
        for it in json.loads(run.output)["services"]
    }
    assert told == {name: stands(it) for name, it in organization.items()}
    assert state(folder) == untouched
    sys.stdout.write(f"The status of {len(told)} services took {seconds:.0f} s.\n")


def stands(it: Simulated) -> tuple[str | None, list[str], bool]:
    """The version, the drift, and whether they can be told."""
    if it.broken not in {edits.nothing, simulated.dirty}:
        return None, [], False
    drifts = it.edit in {edits.change_a_file_of_the_template, simulated.clash}
    return it.release, ["Makefile"] if drifts else [], True


def lost(
    organization: dict[str, Simulated], rendered: Rendered, tmp_path: Path
) -> dict[str, dict[str, Any]]:
    """What is not on the branch as it has to be, by service; a conflict is, with both sides."""
    found = {}
    for name, it in organization.items():
        if it.outcome in MOVED:
            fresh = rendered(history.NEWER, it.answers)
            edited = tmp_path / "edited" / f"{it.preset}-{it.edit.__name__}"
            if not edited.exists():
                edits.made(it.edit, fresh, edited)
            old = rendered(it.release, it.answers)
            found[name] = mishaps_on_branch(tmp_path / "services" / name, it, old, fresh, edited)
    return {name: it for name, it in found.items() if it}


def mishaps_on_branch(
    service: Path, it: Simulated, old: Path, fresh: Path, edited: Path
) -> dict[str, Any]:
    checkout = edited.parents[1] / "checkouts" / service.name
    services.git(
        service, "clone", "--quiet", "--shared", "--branch", BRANCH, str(service), str(checkout)
    )
    found = mishaps(checkout, carried(files_of(service)), old, fresh, edited, dict(it.answers))
    if it.outcome is not Outcome.CONFLICTS:
        return found
    text = (checkout / "Makefile").read_text()
    both = simulated.OURS in text and "# Newer: `make` lists" in text
    clashed = set(found) == {"conflicts", "template"} and set(found["template"]) == {"Makefile"}
    return {} if both and clashed else found


def figures(moves: list[dict[str, Any]], seconds: float, again: float) -> str:
    """The table of docs/fleet-reference.md."""
    taken = defaultdict(list)
    for it in moves:
        taken[it["outcome"]].append(it["seconds"])
    counts = Counter(it["outcome"] for it in moves)
    rows = "\n".join(
        f"| {outcome} | {counts[outcome]} | {statistics.median(taken[outcome]):.2f} |"
        for outcome in Outcome
    )
    return (
        f"| outcome | services | seconds for each (median) |\n| --- | --- | --- |\n{rows}\n\n"
        f"{len(moves)} services in {seconds:.0f} s; the second run took {again:.0f} s.\n"
    )
