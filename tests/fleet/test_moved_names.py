"""An update carries what the template has moved into the service's own files, and says so."""

import json
import os
import sys
from pathlib import Path

import pytest

from fleet.rewriting import worker
from tests.fleet.conftest import Fleet
from tests.fleet.toys import LINES, Toy, edit, status
from tests.support import services

pytestmark = pytest.mark.slow

MOVES = """
[modules]
"core.log" = "server.request_log"
[names]
"core.log.Limits" = "server.limits.Limits"
[removed]
"core.gone" = "nothing needs it."
[files]
"core/log.py" = "server/request_log.py"
"""
PYPROJECT = "[tool.ruff]\nline-length = 37\n"
ROUTES = "import os\n\nfrom core.log import Limits, log_all\n"
REWRITTEN = """import os

from server.limits import Limits
from server.request_log import (
    log_all,
)
"""
FROM = "core.log -> server.request_log"
LIMITS = "core.log.Limits -> server.limits.Limits"
TITLE = "# Rewritten for names that the template moved\n\n"
LEFT = "# Left to you: not safe to rewrite\n\n"


@pytest.fixture
def shop(toy: Toy, lamps: Path) -> Path:
    """A service with a feature of its own, and a release that moves what it uses."""
    write(lamps, {"pyproject.toml": PYPROJECT, "books/routes.py": ROUTES})
    toy.release("v1.1.0", {"releases/v1.1.0/moves.toml": MOVES, "template/next.txt": "next\n"})
    return lamps


def write(service: Path, files: dict[str, str]) -> None:
    for path, text in files.items():
        (service / path).parent.mkdir(parents=True, exist_ok=True)
        (service / path).write_text(text)
    services.commit(service, "Mine")


def test_a_file_is_rewritten_sorted_formatted_staged_and_told(fleet: Fleet, shop: Path) -> None:
    run = fleet(shop, "service", "update")

    assert run.code == 0
    assert f"{TITLE}- books/routes.py: {LIMITS}\n- books/routes.py: {FROM}\n\n" in run.output
    assert (shop / "books/routes.py").read_text() == REWRITTEN
    assert status(shop) == ["M  .copier-answers.yml", "M  books/routes.py", "A  next.txt"]


def test_a_file_that_was_neither_sorted_nor_formatted_stays_so(fleet: Fleet, shop: Path) -> None:
    write(shop, {"books/routes.py": "from core.log import log_all\nimport os\nx = { 'a' }\n"})

    fleet(shop, "service", "update")

    assert (shop / "books/routes.py").read_text() == (
        "from server.request_log import log_all\nimport os\nx = { 'a' }\n"
    )


def test_imports_of_one_module_become_one(fleet: Fleet, shop: Path) -> None:
    write(
        shop, {"books/routes.py": "from core.log import Limits\nfrom server.limits import Other\n"}
    )

    fleet(shop, "service", "update")

    assert (shop / "books/routes.py").read_text() == (
        "from server.limits import (\n    Limits,\n    Other,\n)\n"
    )


def test_what_is_left_is_told_with_its_line(fleet: Fleet, shop: Path) -> None:
    text = "import os\n\nfrom core.gone import x\nfrom core.log import *\n"
    write(shop, {"books/routes.py": text})

    run = fleet(shop, "service", "update")

    assert (
        f"{LEFT}- books/routes.py:3: core.gone was removed: nothing needs it.\n"
        "- books/routes.py:4: `import *`: names of core.log have moved\n"
    ) in run.output
    assert (shop / "books/routes.py").read_text() == text


def test_the_told_line_is_that_of_the_rewritten_file(fleet: Fleet, shop: Path) -> None:
    text = f'{ROUTES}\n\ntarget = f"core.gone.{{os}}"\n'
    write(shop, {"books/routes.py": text})

    run = fleet(shop, "service", "update")

    assert f"{LEFT}- books/routes.py:9: core.gone.... is a name that is built" in run.output
    assert (shop / "books/routes.py").read_text().splitlines()[8] == 'target = f"core.gone.{os}"'


def test_a_branch_and_its_pull_request_have_it(fleet: Fleet, shop: Path, tmp_path: Path) -> None:
    body = tmp_path / "body.md"

    fleet(shop, "service", "branch", "--body", str(body))

    told = f"{TITLE}- books/routes.py: {LIMITS}\n- books/routes.py: {FROM}\n"
    assert told in body.read_text()
    assert services.git(shop, "log", "-1", "--format=%b").strip() == told.strip()
    assert services.git(shop, "show", "HEAD:books/routes.py") == REWRITTEN


def test_many_services_have_it_in_the_same_commit(fleet: Fleet, shop: Path) -> None:
    run = fleet(shop.parent, "update", "lamps", "--json")

    [moved] = json.loads(run.output)["services"]
    changes = {"core.log.Limits": "server.limits.Limits", "core.log": "server.request_log"}
    assert moved["carried"] == [{"path": "books/routes.py", "changes": changes, "left": []}]
    assert services.git(shop, "show", f"{moved['branch']}:books/routes.py") == REWRITTEN
    assert status(shop) == []


def test_people_are_told_what_is_left_in_many_services(fleet: Fleet, shop: Path) -> None:
    write(shop, {"tests/test_log.py": "from core.log import *\n"})

    run = fleet(shop.parent, "update", "lamps")

    assert run.output.splitlines()[-4:-2] == [
        "lamps: Files rewritten for moved names: 1.",
        "lamps: tests/test_log.py:1: `import *`: names of core.log have moved",
    ]


def test_a_file_with_conflicts_is_left(fleet: Fleet, toy: Toy, shop: Path) -> None:
    before = "from core.log import Limits\n\n"
    toy.release("v1.1.1", {"template/shared.py": f"{before}x = 1\n"})
    fleet(shop, "service", "update")
    services.commit(shop, "Update")
    edit(shop, "shared.py", "x = 1", "x = 'mine'")
    second: dict[str, str | None] = {
        "template/shared.py": f"{before}x = 2\n",
        "releases/v1.2.0/moves.toml": MOVES,
    }
    toy.release("v1.2.0", second)

    run = fleet(shop, "service", "update")

    assert run.code == 2
    assert f"{LEFT}- shared.py:3: it has conflicts, so moved names are left in it\n" in run.output
    assert "from core.log import Limits\n\n<<<<<<<" in (shop / "shared.py").read_text()


def test_a_conflict_says_where_the_templates_file_went(
    fleet: Fleet, toy: Toy, tmp_path: Path
) -> None:
    toy.release("v1.1.0", {"template/core/log.py": LINES})
    service = toy.service(tmp_path / "service", "v1.1.0")
    services.commit(service, "Start")
    edit(service, "core/log.py", "line 5", "mine")
    toy.release("v1.2.0", {"template/core/log.py": None, "releases/v1.2.0/moves.toml": MOVES})

    run = fleet(service, "service", "update")

    assert run.code == 2
    assert (
        "- core/log.py: changed here, moved to server/request_log.py by the template\n"
    ) in run.output


def test_links_and_untracked_files_are_not_followed(
    fleet: Fleet, shop: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside.py"
    outside.write_text(ROUTES)
    (shop / "books/link.py").symlink_to(outside)
    services.commit(shop, "A link")
    (shop / ".git/info/exclude").write_text("ignored.py\n")
    (shop / "ignored.py").write_text(ROUTES)

    run = fleet(shop, "service", "update")

    assert run.code == 0
    assert (outside.read_text(), (shop / "ignored.py").read_text()) == (ROUTES, ROUTES)
    assert "link.py" not in run.output


def test_a_link_that_git_does_not_see_is_not_followed(
    fleet: Fleet, shop: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside.py"
    outside.write_text(ROUTES)
    services.git(shop, "update-index", "--skip-worktree", "books/routes.py")
    (shop / "books/routes.py").unlink()
    (shop / "books/routes.py").symlink_to(outside)

    run = fleet(shop, "service", "update")

    assert (run.code, outside.read_text()) == (1, ROUTES)
    assert "books/routes.py" in run.errors


def test_nothing_of_a_service_is_imported(fleet: Fleet, shop: Path) -> None:
    spy = f"open({str(shop / '.git/ran')!r}, 'w')\n"
    names = ("json", "base64", "libcst", "ruff", "fleet/__init__", "sitecustomize")
    write(shop, {f"{name}.py": spy for name in names})

    run = fleet(shop, "service", "update")

    assert (run.code, (shop / ".git/ran").exists()) == (0, False)
    assert (shop / "books/routes.py").read_text() == REWRITTEN


def test_a_file_that_ends_the_parser_leaves_the_others_to_it(fleet: Fleet, shop: Path) -> None:
    deep = f"from core.log import Limits\nx = {'(' * 20_000}{')' * 20_000}\n"
    write(shop, {"a.py": deep, "z.py": ROUTES})

    run = fleet(shop, "service", "update")

    assert (
        f"{LEFT}- a.py:1: the file is too large or too deeply nested to be read\n"
    ) in run.output
    assert (shop / "z.py").read_text() == REWRITTEN
    assert (shop / "a.py").read_text() == deep


def test_a_process_that_fails_says_why(
    fleet: Fleet, shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker.forget()
    monkeypatch.setattr(worker, "COMMAND", (sys.executable, "-c", "import nothing_of_that_name"))

    run = fleet(shop, "service", "update")

    assert (
        f"{LEFT}- books/routes.py:1: the file cannot be rewritten: "
        "ModuleNotFoundError: No module named 'nothing_of_that_name'\n"
    ) in run.output
    assert (shop / "books/routes.py").read_text() == ROUTES


def test_a_mode_is_kept(fleet: Fleet, shop: Path) -> None:
    os.chmod(shop / "books/routes.py", 0o755)  # noqa: PTH101
    services.commit(shop, "Executable")

    fleet(shop, "service", "update")

    assert (shop / "books/routes.py").stat().st_mode & 0o777 == 0o755
    assert (shop / "books/routes.py").read_text() == REWRITTEN


def test_moves_of_the_releases_that_a_service_skips_follow_each_other(
    fleet: Fleet, toy: Toy, shop: Path
) -> None:
    later = '[modules]\n"server.limits" = "limits"\n'
    toy.release("v1.10.0", {"releases/v1.10.0/moves.toml": later})
    older = '[modules]\n"server.request_log" = "log"\n'
    toy.release("v1.11.0", {"releases/v1.9.0/moves.toml": older})

    fleet(shop, "service", "update")

    assert (shop / "books/routes.py").read_text() == (
        "import os\n\nfrom limits import Limits\nfrom log import log_all\n"
    )


def test_moves_that_a_service_had_are_not_applied_again(fleet: Fleet, toy: Toy, shop: Path) -> None:
    fleet(shop, "service", "update")
    write(shop, {"core/log.py": "", "books/routes.py": ROUTES})
    toy.release("v1.2.0", {"template/next.txt": "more\n"})

    fleet(shop, "service", "update")

    assert (shop / "books/routes.py").read_text() == ROUTES


def test_moves_that_are_not_valid_refuse_the_update(fleet: Fleet, toy: Toy, shop: Path) -> None:
    toy.release("v1.2.0", {"releases/v1.2.0/moves.toml": "[moved]\n"})

    run = fleet(shop, "service", "update")

    assert (run.code, status(shop)) == (1, [])
    assert run.errors.startswith("fleet: releases/v1.2.0/moves.toml is not valid: unknown key ")
