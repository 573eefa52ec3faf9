"""What is written looks as if a careful person had written it, whatever was asked for."""

import ast
import builtins
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ruff import find_ruff_bin

from fleet.resource.project import Project
from fleet.resource.words import LOCAL
from tests.resource.specifications import ALL, WALK, add
from tests.support.shared import Shared

pytestmark = pytest.mark.slow
# Of one letter: no resource is called that in earnest.
SHORT = 2


@pytest.fixture(scope="module", params=["none", "oidc"])
def filled(
    request: pytest.FixtureRequest, render: Callable[..., Path], shared: Shared
) -> tuple[Project, list[str]]:
    """A service with all resources, and their files."""

    def fill(place: Path) -> None:
        project = Project(shutil.copytree(render(auth=request.param), place / "my-service"))
        paths = [path for asked in ALL for path in add(project, asked)]
        (place / "paths").write_text("\n".join(paths))

    place = shared.folder(f"resources-{request.param}", fill)
    return Project(place / "my-service"), (place / "paths").read_text().split("\n")


def test_what_is_written_is_formatted_and_clean(filled: tuple[Project, list[str]]) -> None:
    project, paths = filled
    python = [path for path in paths if path.endswith(".py")]

    for command in (["format", "--diff"], ["check"]):
        found = subprocess.run(
            [find_ruff_bin(), *command, "--no-cache", *python],
            cwd=project.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert found.returncode == 0, found.stdout


def test_what_is_secret_is_in_no_repr(filled: tuple[Project, list[str]]) -> None:
    project, _ = filled

    classes = project.text("app/secrets/schemas.py").split("\n\n\nclass ")

    hidden = {text.split("(")[0]: text.count("repr=False") for text in classes}
    assert (hidden["SecretCreate"], hidden["SecretUpdate"]) == (5, 4)


def test_files_stay_short(filled: tuple[Project, list[str]]) -> None:
    project, paths = filled
    limits = {"app": 150, "tests": 300}

    python = [path for path in paths if path.endswith(".py") and "many_of_them" not in path]
    lengths = {path: project.text(path).count("\n") for path in python}

    assert [path for path, lines in lengths.items() if lines > limits[path.split("/")[0]]] == []


def test_what_needs_nobody_imports_nothing_of_others(filled: tuple[Project, list[str]]) -> None:
    project, paths = filled
    own = [project.text(path) for path in paths if "/customers/" in path]

    assert [text for text in own if "orders" in text or "items." in text] == []


def test_each_resource_is_in_the_api_by_two_lines(filled: tuple[Project, list[str]]) -> None:
    project, _ = filled

    text = project.text("app/api.py")

    assert text.count("\nfrom app.") == text.count("\nrouter.include_router(") == len(ALL) + 1
    assert 'router.include_router(order_lines, tags=["order-lines"])\n' in text


def test_the_tests_of_a_service_with_auth_have_the_scopes(
    render: Callable[..., Path], tmp_path: Path
) -> None:
    project = Project(shutil.copytree(render(auth="oidc"), tmp_path / "my-service"))

    for asked in WALK:
        add(project, asked)

    [line] = [
        line
        for line in project.text("tests/settings.auth.env").splitlines()
        if line.startswith("TEST_SCOPES")
    ]
    assert line == (
        'TEST_SCOPES="customers:read customers:write orders:read orders:write'
        ' order-lines:read order-lines:write"'
    )


def identifiers(tree: ast.Module) -> Iterator[str]:
    """The names that code gives to things, in the scopes of modules and functions."""
    fields = [line.target for line in fields_of(tree)]
    for node in ast.walk(tree):
        match node:
            case ast.Name() if node in fields:
                continue
            case ast.Name(name, ast.Store()) | ast.arg(name):
                yield name
            case ast.alias(name, other):
                yield (other or name).split(".")[0]
            case ast.ClassDef(name) | ast.FunctionDef(name) | ast.AsyncFunctionDef(name):
                yield name


def keywords(tree: ast.Module) -> Iterator[str]:
    """The names of the arguments that functions take by keyword alone, such as a list's filters."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from (each.arg for each in node.args.kwonlyargs)


def fields_of(tree: ast.Module) -> list[ast.AnnAssign]:
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    return [line for node in classes for line in node.body if isinstance(line, ast.AnnAssign)]


def test_no_resource_can_be_called_what_the_code_calls_something_else(
    filled: tuple[Project, list[str]],
) -> None:
    """`page` would hide a variable, `listing` the class `Listing`: such names are refused."""
    project, paths = filled
    trees = [ast.parse(project.text(path)) for path in paths if path.endswith(".py")]
    given = {name for tree in trees for name in identifiers(tree)}
    own = {plain(ast.unparse(line.target)) for tree in trees for line in fields_of(tree)}
    filters = {name for tree in trees for name in keywords(tree)} & own
    resources = {name for asked in ALL for name in (asked.name, asked.plural, asked.under)}
    folders = {path.split("/")[1] for path in paths}

    def is_of_a_resource(name: str) -> bool:
        words = resources | folders | {"item", "items"}
        return any(word and word in small(name) for word in words)

    missing = {
        small(name)
        for name in given
        if not (
            (plain(name) in own and (name[0].isupper() or name.endswith("_id")))
            or (name.startswith("By") and plain(name[2:]) in own)
            or name in filters
            or is_of_a_resource(name)
            or name.startswith(("test_", "_"))
            or name.isupper()
            or len(name) < SHORT
            or hasattr(builtins, name)
            or small(name) in LOCAL
        )
    }
    assert missing == set()


def small(name: str) -> str:
    """`AsyncSession` as a resource would be called."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).strip(
        "_"
    )


def plain(name: str) -> str:
    """The same for a field and for the type that is called after it."""
    return name.replace("_", "").lower()
