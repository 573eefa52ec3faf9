"""An update tells what is left to people: the recipes between the two versions."""

import json
from pathlib import Path

import pytest

from tests import services
from tests.fleet.conftest import Fleet
from tests.fleet.toys import Toy

OLD = """# Upgrading

## Recipes

### To 1.0.0

- This is old.
"""
NEW = OLD.replace(
    "### To 1.0.0",
    """### To 1.2.0

| table | of moves |
| --- | --- |

- Say this,
  in two lines.
- *(port: 9000)* For those on 9000.
- *(port: 8000, 8001)* For those on 8000.
- *(other: true)* For nobody here.

### To 1.1.0

- Before that, this.

### To 1.0.0""",
).replace("This is old.", "This is old, and said in a better way.")
TOLD = """# To do by hand

- Before that, this.
- Say this,
  in two lines.
- For those on 8000.
"""


@pytest.fixture
def shop(toy: Toy, tmp_path: Path) -> Path:
    toy.release("v1.0.1", {"UPGRADING.md": OLD})
    service = toy.service(tmp_path / "lamps", "v1.0.1")
    services.commit(service, "Start from the template")
    toy.release("v1.2.0", {"UPGRADING.md": NEW, "template/next.txt": "next\n"})
    return service


def test_the_update_tells_the_recipes_that_apply(fleet: Fleet, shop: Path) -> None:
    run = fleet(shop, "service", "update")

    assert f"\n\n{TOLD}\n" in run.output


def test_answers_that_change_with_the_update_count(fleet: Fleet, shop: Path) -> None:
    run = fleet(shop, "service", "update", "--data", "port=9000")

    assert TOLD.replace("on 8000", "on 9000") in run.output


def test_a_branch_and_its_pull_request_have_them(fleet: Fleet, shop: Path, tmp_path: Path) -> None:
    body = tmp_path / "body.md"

    fleet(shop, "service", "branch", "--body", str(body))

    assert TOLD in body.read_text()
    assert services.git(shop, "log", "-1", "--format=%b").strip() == TOLD.strip()


def test_many_services_have_them_in_the_commit(fleet: Fleet, shop: Path) -> None:
    run = fleet(shop.parent, "update", "lamps")

    assert "lamps: 3 recipes to follow: the commit has them.\n" in run.output
    branch = "template-update/v1.2.0"
    assert services.git(shop, "log", "-1", "--format=%b", branch).strip() == TOLD.strip()


def test_programs_are_told_them(fleet: Fleet, shop: Path) -> None:
    run = fleet(shop.parent, "update", "lamps", "--json")

    [moved] = json.loads(run.output)
    assert moved["recipes"] == [
        "Before that, this.",
        "Say this,\n  in two lines.",
        "For those on 8000.",
    ]
