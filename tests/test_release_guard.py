"""What moved in the template is in `releases/next/moves.toml`, or CI fails."""

from pathlib import Path

import pytest

from releases import guard
from tests.support import services

CORE = "template/app/core"
FIRST: dict[str, str | None] = {
    f"{CORE}/errors.py": "class AppError(Exception): ...\ndef answer() -> None: ...\n_hidden = 1\n",
    f"{CORE}/__init__.py": "",
    "template/Makefile.jinja": "help:\n",
    "releases/v1.0.0/defaults.yml": "service_name: lamps\n",
}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A template at its first release."""
    change(tmp_path, FIRST)
    services.commit(tmp_path, "Release")
    return tmp_path


def change(repository: Path, files: dict[str, str | None]) -> None:
    for path, text in files.items():
        file = repository / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.unlink() if text is None else file.write_text(text)
    if (repository / ".git").exists():
        services.commit(repository, "Change")


def test_this_repository_says_what_moved() -> None:
    assert guard.faults() == []


def test_without_a_change_nothing_is_missing(repository: Path) -> None:
    assert guard.faults(repository) == []


def test_a_file_that_is_gone_without_a_move_is_named(repository: Path) -> None:
    change(repository, {"template/Makefile.jinja": None})

    assert guard.faults(repository) == [
        "The template no longer has Makefile: add it to [files] of releases/next/moves.toml,"
        " or [removed_files]."
    ]


def test_a_name_of_the_core_that_is_gone_without_a_move_is_named(repository: Path) -> None:
    change(repository, {f"{CORE}/errors.py": "class AppError(Exception): ...\n"})

    assert guard.faults(repository) == [
        "app.core.errors.answer no longer exists: add it to [names] or [removed] of"
        " releases/next/moves.toml."
    ]


def test_what_a_move_names_is_not_missing(repository: Path) -> None:
    moves = (
        '[names]\n"app.core.errors.answer" = "app.server.handlers.answer"\n'
        '[removed_files]\nMakefile = "Nobody used it."\n'
    )
    change(
        repository,
        {
            f"{CORE}/errors.py": "class AppError(Exception): ...\n",
            "template/app/server/handlers.py": "def answer() -> None: ...\n",
            "template/Makefile.jinja": None,
            guard.MOVES: moves,
        },
    )

    assert guard.faults(repository) == []


def test_a_target_that_does_not_exist_is_named(repository: Path) -> None:
    moves = (
        '[modules]\n"app.health" = "app.server.health"\n'
        '[names]\n"app.core.old" = "app.core.errors.new"\n'
        '[files]\n"a.py" = "b.py"\n'
    )
    change(repository, {guard.MOVES: moves})

    assert guard.faults(repository) == [
        "releases/next/moves.toml names b.py, which the template does not have: correct it.",
        "releases/next/moves.toml names the module app.server.health, which the template does not"
        " have: correct it.",
        "releases/next/moves.toml names app.core.errors.new, which does not exist: correct it.",
    ]


def test_a_name_that_its_module_did_not_take_along_is_named(repository: Path) -> None:
    change(
        repository,
        {
            f"{CORE}/errors.py": None,
            "template/app/server/errors.py": "class AppError(Exception): ...\n",
            guard.MOVES: (
                '[modules]\n"app.core.errors" = "app.server.errors"\n'
                '[files]\n"app/core/errors.py" = "app/server/errors.py"\n'
            ),
        },
    )

    assert guard.faults(repository) == [
        "app.core.errors.answer no longer exists: add it to [names] or [removed] of"
        " releases/next/moves.toml."
    ]


def test_a_seed_that_was_none_before_is_named(repository: Path) -> None:
    change(repository, {"ownership.toml": 'seed = ["/Makefile"]\n'})

    assert guard.faults(repository) == [
        "Makefile has become a seed: add it to seeds of releases/next/moves.toml."
    ]


def test_the_example_is_the_services_own_and_may_lose_names(repository: Path) -> None:
    example = "template/app/items/service.py"
    change(repository, {"ownership.toml": 'seed = ["/app/items/"]\n', example: "def f(): ...\n"})
    change(repository, {"releases/v1.1.0/defaults.yml": "service_name: lamps\n"})
    change(repository, {example: "def g(): ...\n"})

    assert guard.faults(repository) == []


def test_moves_that_have_their_version_already_count(repository: Path) -> None:
    change(repository, {"template/Makefile.jinja": None})
    prepared = repository / "releases/v1.1.0"
    prepared.mkdir()
    (prepared / "defaults.yml").write_text("service_name: lamps\n")
    (prepared / "moves.toml").write_text('[removed_files]\nMakefile = "Nobody used it."\n')

    assert guard.faults(repository) == []
