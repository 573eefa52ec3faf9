"""Three features that people add to a service, which use everything that has moved since: in `app`
what features may import, in their tests the rest, by every form of import."""

import ast
import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from fleet.rewriting.moves import Moves
from fleet.rewriting.resolution import Names
from tests.support import services
from tests.support.edits import replace

MOVES = [
    Moves.parse(file.read_text(encoding="utf-8"), str(file))
    for file in sorted((services.ROOT / "releases").glob("*/moves.toml"))
]
# How a feature says which errors its route answers.
ROUTES = {
    "books": ("from app.core.openapi import problems", "problems(404)"),
    "loans": ("from app.core import openapi", "openapi.problems(404)"),
    "shelves": ("from ..core.openapi import problems as described", "described(404)"),
}
ROUTER = '''"""Reads {name}."""

from fastapi import APIRouter

from app.core.errors import NotFoundError
{statement}

LAST = 9
router = APIRouter(prefix="/{name}")


@router.get("/{{number}}", responses={responses})
async def get_{name}(number: int) -> int:
    if number > LAST:
        raise NotFoundError("There is no {name} " + str(number) + ".")
    return number
'''
TEST = '''"""{name} answer, and what their tests import is there."""

import pkgutil
from typing import TYPE_CHECKING

import httpx
{imports}
from httpx import AsyncClient

if TYPE_CHECKING:
    from httpx import Response


async def test_{name}_answer(client: AsyncClient) -> None:
    found: Response = await client.get("/{name}/1")
    missing = await client.get("/{name}/10")
    described: httpx.Response = await client.get("/openapi.json")

    answers = described.json()["paths"]["/{name}/{{number}}"]["get"]["responses"]
    assert (found.json(), missing.status_code) == (1, 404)
    assert {{"200", "404"}} <= answers.keys()


def test_what_{name}_import_is_there() -> None:
    {inside}
    there: list[object] = [{uses}]

    assert None not in there
'''


def add_features(service: Path) -> None:
    """Written as the formatter writes them, and wired as the README says it.

    None to a service of a version from which nothing has moved.
    """
    moved = [*moved_names(service)]
    if not moved:
        return
    for name, (statement, responses) in ROUTES.items():
        package, tests = service / "app" / name, service / "tests" / name
        package.mkdir()
        tests.mkdir()
        (package / "__init__.py").touch()
        router = ROUTER.format(name=name, statement=statement, responses=responses)
        (package / "routes.py").write_text(router)
        (tests / "test_routes.py").write_text(TEST.format(name=name, **FORMS[name](moved)))
        _wire(service / "app/api.py", name)
    with (service / "app/main.py").open("a") as main:
        main.write(
            "\nfrom app.core import middleware  # noqa: E402\n\nLOG = middleware.RequestLog\n"
        )
    _format(service)


def moved_names(service: Path) -> Iterator[str]:
    """The public names of a version that are elsewhere in the newest one."""
    for file in sorted((service / "app").glob("**/*.py")) + sorted(
        [*(service / "migrations").glob("*.py"), *(service / "tests/core").glob("t[!e]*.py")]
    ):
        path = file.relative_to(service).as_posix()
        module, names = path.removesuffix(".py").replace("/", "."), Names(MOVES, path)
        for name in sorted(_defined(file.read_text(encoding="utf-8"))):
            moved = names.resolve(f"{module}.{name}")
            if moved and not moved.reason:
                yield f"{module}.{name}"


def _defined(text: str) -> Iterator[str]:
    for node in ast.parse(text).body:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name
            case ast.ClassDef(name=name) | ast.Assign(targets=[ast.Name(id=name)]):
                yield name


def _by_name(moved: list[str]) -> dict[str, str]:
    """`from a.b import c`, at the top, and in a function."""
    names = {path.rpartition(".")[2]: _module(path) for path in moved}
    statements = [f"from {module} import {name}" for name, module in names.items()]
    inside = "from app.core.openapi import operation_id as named  # noqa: PLC0415"
    return _filled(statements, [*names, "named"], inside)


def _by_path(moved: list[str]) -> dict[str, str]:
    """`import a.b`, and then `a.b.c`; and paths in strings."""
    statements = [f"import {module}" for module in dict.fromkeys(map(_module, moved))]
    strings = [f'pkgutil.resolve_name("{name}")' for name in moved]
    return _filled(statements, [*moved, *strings], "")


def _by_module(moved: list[str]) -> dict[str, str]:
    """`from a import b`, then `b.c`, and `import a.b as d`, then `d.c`."""
    modules = list(dict.fromkeys(map(_module, moved)))
    statements = [
        f"import {module} as {_local(module)}_"
        if number % 2
        else "from {} import {} as {}_".format(*module.rsplit(".", 1), _local(module))
        for number, module in enumerate(modules)
    ]
    uses = [f"{_local(_module(name))}_.{name.rpartition('.')[2]}" for name in moved]
    return _filled(statements, uses, "")


FORMS = {"books": _by_name, "loans": _by_path, "shelves": _by_module}


def _filled(statements: list[str], uses: list[str], inside: str) -> dict[str, str]:
    strings = 'pkgutil.resolve_name("app.main.app")'
    return {"imports": "\n".join(statements), "uses": ", ".join([*uses, strings]), "inside": inside}


def _module(path: str) -> str:
    return path.rpartition(".")[0]


def _local(module: str) -> str:
    return module.replace(".", "_")


def _wire(api: Path, name: str) -> None:
    last = "from app.items.routes import router as items\n"
    replace(api, last, f"{last}from app.{name}.routes import router as {name}\n")
    with api.open("a") as file:
        file.write(f'router.include_router({name}, tags=["{name}"])\n')


def _format(service: Path) -> None:
    ruff = Path(sysconfig.get_path("scripts"), "ruff")
    files = [*ROUTES, *(f"../tests/{name}" for name in ROUTES), "api.py", "main.py"]
    for command in (["check", "--select", "I,F401", "--fix"], ["format"]):
        subprocess.run([ruff, *command, "--quiet", *files], cwd=service / "app", check=True)
