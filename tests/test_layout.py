"""Code stays small enough to read: a file, a test, a room of the service."""

import ast
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
SERVICE = REPOSITORY / "template"
LINES_OF_A_SCREEN = 60
# What an answer that is off by default adds does not count.
CAPABILITIES = {"auth.py"}


def lines(file: Path) -> int:
    return len(file.read_text().splitlines())


def longer(folders: list[Path], limit: int) -> dict[str, int]:
    """Python files with more lines than `limit`."""
    files = [file for folder in folders for file in folder.rglob("*.py*")]
    assert files
    return {
        str(file.relative_to(REPOSITORY)): lines(file)
        for file in files
        if file.suffix in {".py", ".jinja"} and lines(file) > limit
    }


def functions(file: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [
        node
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


@pytest.mark.parametrize(
    ("room", "limit"), [("core", 1840), ("core/postgres", 630), ("server", 650)]
)
def test_a_room_of_the_service_keeps_its_budget(room: str, limit: int) -> None:
    files = [
        file for file in (SERVICE / "app" / room).glob("*.py") if file.name not in CAPABILITIES
    ]

    assert files
    assert sum(map(lines, files)) <= limit


def test_a_file_of_the_service_has_150_lines_at_most() -> None:
    assert longer([SERVICE / "app", SERVICE / "dev", SERVICE / "migrations"], 150) == {}


def test_a_file_of_tests_has_300_lines_at_most() -> None:
    assert longer([SERVICE / "tests", REPOSITORY / "tests"], 300) == {}


def test_a_function_of_the_tests_fits_on_a_screen() -> None:
    files = [*(SERVICE / "tests").rglob("*.py"), *(REPOSITORY / "tests").rglob("*.py")]

    assert [
        f"{file.relative_to(REPOSITORY)}:{function.lineno} {function.name}"
        for file in files
        for function in functions(file)
        if (function.end_lineno or 0) - function.lineno >= LINES_OF_A_SCREEN
    ] == []


def test_each_module_of_the_service_has_its_tests() -> None:
    modules = [
        module.relative_to(SERVICE / "app")
        for room in ("core", "core/postgres", "server")
        for module in (SERVICE / "app" / room).glob("*.py")
        if module.name != "__init__.py"
    ]

    assert modules
    assert [
        str(module)
        for module in modules
        if not list((SERVICE / "tests" / module.parent).glob(f"test_{module.stem}*.py*"))
    ] == []
