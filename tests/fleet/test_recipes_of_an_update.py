"""What UPGRADING.md asks of a service is said by the update itself."""

from pathlib import Path

import pytest

from fleet import recipes
from tests.fleet.conftest import Fleet
from tests.fleet.toys import Toy
from tests.support import services

UPGRADING = """# Upgrading

## Recipes

How to read them.

### To 3.0.0

- *(ci: gitlab)* Set a variable.
- *(container: false)* Build
  no image.
- *(port: 8000)* Open the port.

### To 2.0.0

- Rename the setting.

  It has another unit now.
- *(ci: github)* Allow the job.

## Appendix

- Not a recipe.
"""


def test_the_recipes_between_two_versions_are_those_for_the_answers() -> None:
    answers = {"ci": "github", "container": False, "port": 8000}

    found = recipes.between("# Upgrading\n", UPGRADING, answers)

    assert found == (
        "## To 3.0.0\n\n"
        "- *(container: false)* Build\n  no image.\n- *(port: 8000)* Open the port.\n\n"
        "## To 2.0.0\n\n- Rename the setting.\n\n  It has another unit now.\n"
        "- *(ci: github)* Allow the job."
    )


@pytest.mark.parametrize("old", [UPGRADING, UPGRADING.replace("Rename", "Remember to rename")])
def test_recipes_of_a_version_that_the_service_has_are_not_repeated(old: str) -> None:
    assert recipes.between(old, UPGRADING, {"ci": "gitlab"}) == ""


def test_a_version_without_a_recipe_for_the_service_is_left_out() -> None:
    old = UPGRADING.replace("### To 3.0.0", "### Something else")

    assert recipes.between(old, UPGRADING, {"ci": "github", "container": True}) == ""


def test_the_recipes_for_a_change_of_an_answer_are_told_when_it_is_made() -> None:
    text = UPGRADING.replace(
        "## Appendix",
        "### When jobs becomes true\n\n- Write the migration.\n- *(ci: gitlab)* Add a runner.\n\n"
        "### When jobs becomes false\n\n- Drop the queue.\n\n## Appendix",
    )
    found = [
        recipes.between(text, text, {"ci": "github", **before}, after)
        for before, after in (
            ({}, {"jobs": True}),
            ({"jobs": False}, {"jobs": True}),
            ({"jobs": True}, {"jobs": False}),
            ({"jobs": True}, {"jobs": True}),
            ({"jobs": True}, {"ci": "github"}),
        )
    ]

    switched_on = "## When jobs becomes true\n\n- Write the migration."
    switched_off = "## When jobs becomes false\n\n- Drop the queue."
    assert found == [switched_on, switched_on, switched_off, "", ""]


def test_an_update_and_its_pull_request_say_what_is_left_to_do(
    fleet: Fleet, toy: Toy, lamps: Path, tmp_path: Path
) -> None:
    upgrading = "### To 1.1.0\n\n- Do this.\n- *(port: 9000)* Not this.\n"
    toy.release("v1.1.0", {"UPGRADING.md": upgrading, "template/next.txt": "next\n"})
    told = "# To do by hand\n\n## To 1.1.0\n\n- Do this.\n"

    fleet(lamps, "service", "branch", "--body", str(tmp_path / "body.md"))
    on_the_branch = (tmp_path / "body.md").read_text()
    fleet_update = fleet_on_main(fleet, lamps)

    assert told in on_the_branch
    assert told in fleet_update


def test_the_commit_of_each_of_many_services_says_what_is_left_to_do(
    fleet: Fleet, toy: Toy, lamps: Path
) -> None:
    upgrading = "### To 1.1.0\n\n- Do this.\n"
    toy.release("v1.1.0", {"UPGRADING.md": upgrading, "template/next.txt": "next\n"})

    run = fleet(lamps.parent, "update", "lamps")

    assert "lamps: There are steps to do by hand: the commit lists them.\n" in run.output
    message = services.git(lamps, "log", "-1", "--format=%b", "template-update/v1.1.0")
    assert message.strip() == "# To do by hand\n\n## To 1.1.0\n\n- Do this."


def fleet_on_main(fleet: Fleet, lamps: Path) -> str:
    """What `fleet service update` prints in the service as it was before the branch."""
    services.git(lamps, "switch", "--quiet", "-")
    return fleet(lamps, "service", "update").output
