"""Releases x presets x edits: what people did to a service survives every update.

Merging an update into an edited service must give what the edit makes of a fresh service. Both
updaters are tried: fleet, and plain `copier update`.
"""

from collections.abc import Callable
from pathlib import Path

import copier
import pytest

from fleet.service import open_service
from fleet.template import Template
from fleet.update import Update, make_update
from fleet.worktree import write_update
from tests.support import edits, history, services
from tests.support.edits import EDITS, FEW_EDITS, Edit
from tests.support.features import add_features
from tests.support.history import CANDIDATE, Release
from tests.support.services import Environment
from tests.support.trees import (
    all_files,
    carried,
    differences,
    files_of,
    mishaps,
    seeds,
)

RELEASES = history.releases()
IN_A_FILE_OF_THE_TEMPLATE = (edits.change_a_file_of_the_template, edits.edit_in_many_places)
BESIDE_A_DROPPED_LINE = (
    edits.add_a_resource,
    edits.delete_the_example,
    edits.edit_in_many_places,
)


def cases(full: bool) -> list[tuple[Release, str, Edit]]:
    """The whole product; or few edits from each release, with one preset."""
    if full:
        return [(r, p, e) for r in RELEASES for p in r.presets for e in EDITS]
    return [
        (release, list(release.presets)[(number + position) % len(release.presets)], edit)
        for number, release in enumerate(RELEASES)
        for position, edit in enumerate(FEW_EDITS)
    ]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    full = metafunc.config.getoption("--full")
    if "case" in metafunc.fixturenames:
        chosen = [
            pytest.param(case, id=f"{case[0].version}-{case[1]}-{case[2].__name__}")
            for case in cases(full)
        ]
        metafunc.parametrize("case", chosen)
    if "edit" in metafunc.fixturenames:
        few = EDITS if full else FEW_EDITS
        metafunc.parametrize("edit", few, ids=lambda edit: edit.__name__)
    if "release" in metafunc.fixturenames:
        releases = RELEASES if full else RELEASES[:1]
        metafunc.parametrize("release", releases, ids=lambda release: release.version)


def update(service: Path, template: Template) -> Update:
    """What `fleet service update` does."""
    with open_service(service) as opened:
        made = make_update(opened, template)
        write_update(opened.repository, made)
    return made


@pytest.mark.slow
def test_an_update_gives_what_the_edit_makes_of_a_fresh_service(
    case: tuple[Release, str, Edit],
    released: Template,
    rendered: Callable[..., Path],
    tmp_path: Path,
) -> None:
    release, preset, edit = case
    answers = release.presets[preset]
    service = edits.made(edit, rendered(release.version, answers), tmp_path / "my-service")
    before = carried(files_of(service))

    made = update(service, released)

    fresh = rendered(CANDIDATE, answers)
    assert (made.before, made.after, made.conflicts) == (release.version, CANDIDATE, {})
    edited = edits.made(edit, fresh, tmp_path / "fresh")
    old = rendered(release.version, answers)
    assert mishaps(service, before, old, fresh, edited, answers) == {}
    assert bool(made.edited) is (edit in IN_A_FILE_OF_THE_TEMPLATE)


@pytest.mark.slow
def test_plain_copier_gives_the_same(
    edit: Edit, rendered: Callable[..., Path], tmp_path: Path
) -> None:
    release, preset = RELEASES[0], "defaults"
    answers = release.presets[preset]
    service = edits.made(edit, rendered(release.version, answers), tmp_path / "my-service")
    before = files_of(service)

    copier.run_update(service, defaults=True, overwrite=True, quiet=True)

    fresh = rendered(CANDIDATE, answers)
    edited = edits.made(edit, fresh, tmp_path / "fresh")
    old = rendered(release.version, answers)
    found = mishaps(service, before, old, fresh, edited, answers)
    if edit in BESIDE_A_DROPPED_LINE:  # UPGRADING.md tells how to resolve it
        assert {*found.pop("template")} == {"app/api.py"}
        assert [line for line in found.pop("conflicts") if "app/api.py" not in line] == []
    assert found == {}


@pytest.mark.slow
def test_seeds_and_features_of_a_release_pass_on_the_core_of_today(
    release: Release,
    released: Template,
    rendered: Callable[..., Path],
    environment: Environment,
    tmp_path: Path,
) -> None:
    before = rendered(release.version, release.presets["defaults"])
    service = edits.made(edits.change_settings, before, tmp_path / "my-service")
    add_features(service)
    services.commit(service, "Add features that use all that has moved since")

    made = update(service, released)

    environment.run(service, "make", "check", "test")
    assert [file.left for file in made.carried if file.left] == []
    assert differences(seeds(files_of(service)), carried(seeds(all_files(before)))) == {}
