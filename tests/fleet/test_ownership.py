"""Every rendered path has exactly one owner, and the declarations agree."""

import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from fleet.errors import FleetError
from fleet.ownership import Owner, Ownership
from tests.support import history, services
from tests.support.trees import all_files

TEXT = (services.ROOT / "ownership.toml").read_text()
DECLARED, OWNERSHIP = tomllib.loads(TEXT), Ownership.parse(TEXT)
COPIER = yaml.safe_load((services.ROOT / "copier.yml").read_text())
DOCUMENT = (services.ROOT / "template/docs/updates.md").read_text()


@pytest.fixture(scope="session", params=history.releases()[-1].presets.items())
def paths(request: pytest.FixtureRequest, render: Callable[..., Path]) -> list[str]:
    _, answers = request.param
    return sorted(all_files(render(**answers)))


@pytest.mark.slow
def test_every_rendered_file_has_exactly_one_owner(paths: list[str]) -> None:
    owners = {path: OWNERSHIP.owners(path) for path in paths}

    assert {path: owner for path, owner in owners.items() if len(owner) != 1} == {}


def test_files_that_services_add_are_their_own() -> None:
    added = ["app/books/models.py", "local.mk", ".github/workflows/mine.yml", "tests/books/x.py"]

    assert {OWNERSHIP.owner(path) for path in added} == {Owner.SERVICE}


@pytest.mark.slow
def test_every_file_of_the_template_has_a_place_for_additions(paths: list[str]) -> None:
    owned = [path for path in paths if OWNERSHIP.owner(path) is Owner.TEMPLATE]

    assert [path for path in owned if not OWNERSHIP.place(path)] == []


def test_copier_leaves_out_on_updates_what_is_declared_a_seed() -> None:
    declared = [pattern.strip("/") for pattern in DECLARED["seed"]]

    [conditional] = [line for line in COPIER["_exclude"] if "_copier_operation" in line]
    excluded = conditional.partition('_copier_operation == "update" %}')[2].split()

    needed = ["migrations/hooks.py"]  # env.py imports it: a service of 0.1.0 has to get it
    assert excluded[: excluded.index("{%")] == [path for path in declared if path not in needed]
    assert COPIER["_skip_if_exists"] == declared


def test_the_document_of_a_service_tells_whose_each_file_is() -> None:
    patterns = [*DECLARED["seed"], *DECLARED["shared"], *DECLARED["template"]]
    names = [pattern.strip("/") for pattern in patterns]

    missing = [name for name in names if name not in DOCUMENT and not name.startswith("tests/")]

    workflows = [f".github/workflows/{name}.yml" for name in ("ci", "image", "template-update")]
    assert missing == workflows  # the document names their folder


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("seed = [", "The template's ownership.toml is not valid: "),
        ("mine = []", "The template's ownership.toml has unknown classes: mine."),
    ],
)
def test_a_declaration_that_makes_no_sense_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(FleetError) as error:
        Ownership.parse(text)

    assert str(error.value).startswith(sentence)
