"""Writes a resource into its service: all of it, or nothing."""

import re
import shutil
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from fleet.errors import FleetError
from fleet.resource.project import Project
from fleet.resource.resource import Resource
from fleet.resource.written.examples import examples
from fleet.resource.written.list_tests import list_tests
from fleet.resource.written.models import models
from fleet.resource.written.reference_tests import reference_tests, scope, scope_tests
from fleet.resource.written.routes import routes
from fleet.resource.written.routes_tests import routes_tests
from fleet.resource.written.schemas import schemas
from fleet.resource.written.service import service
from fleet.resource.written.version_tests import version_tests
from fleet.rewriting import formatting

API, SCOPES = "app/api.py", "tests/settings.auth.env"
CONFIGURATION = ("pyproject.toml", "ruff.toml", ".ruff.toml")


def files(project: Project, resource: Resource) -> dict[str, str]:
    """What will stand in each file, new ones and those that change."""
    many = resource.plural
    written = {
        f"app/{many}/__init__.py": "",
        f"app/{many}/models.py": models(resource),
        f"app/{many}/schemas.py": schemas(resource),
        f"app/{many}/service.py": service(resource),
        f"app/{many}/routes.py": routes(resource),
        API: _api(project.text(API), resource),
        f"tests/{many}/examples.py": examples(resource),
        f"tests/{many}/test_routes.py": routes_tests(resource),
        f"tests/{many}/test_lists.py": list_tests(resource),
        f"tests/{many}/test_versions.py": version_tests(resource),
    }
    if references := reference_tests(resource):
        written[f"tests/{many}/test_references.py"] = references
    if resource.has_auth:
        written[f"tests/{many}/test_scopes.py"] = scope_tests(resource)
    formatted = _formatted(project, written)
    if resource.has_auth:
        formatted[SCOPES] = _with_scopes(project.text(SCOPES), resource)
    return formatted


def own_files(texts: Mapping[str, str]) -> dict[str, str]:
    """Those that nothing else writes into."""
    return {path: text for path, text in texts.items() if path not in (API, SCOPES)}


def write(project: Project, texts: Mapping[str, str | bytes]) -> Callable[[], None]:
    """Write all, or nothing; what is returned undoes it. Raises FleetError."""
    for path in texts:
        if (project.folder / path).is_symlink():
            raise FleetError(f"{path} is a link, and nothing is written through it.")
    there = [path for path in texts if (project.folder / path).is_file()]
    before = {path: (project.folder / path).read_bytes() for path in there}
    folders = {(project.folder / path).parent for path in texts}
    new = [folder for folder in folders if not folder.is_dir()]
    undo = partial(_undo, project, [*texts], before, new)
    try:
        for folder in new:
            folder.mkdir()
        for path, text in texts.items():
            content = text.encode() if isinstance(text, str) else text
            (project.folder / path).write_bytes(content)
    except OSError as error:
        undo()
        raise FleetError(f"{error.filename} cannot be written: {error.strerror}.") from error
    return undo


def _undo(
    project: Project, paths: Iterable[str], before: dict[str, bytes], new: list[Path]
) -> None:
    for path in paths:
        if path in before:
            (project.folder / path).write_bytes(before[path])
        elif (project.folder / path).is_file():
            (project.folder / path).unlink()
    for folder in new:
        shutil.rmtree(folder, ignore_errors=True)


def _api(text: str, resource: Resource) -> str:
    """The two lines: an import, which is sorted, and the last one."""
    many = resource.plural
    imported = f"from app.{many}.routes import router as {many}\n"
    include = f'router.include_router({many}, tags=["{many.replace("_", "-")}"])\n'
    head, line, rest = text.partition("\nrouter = APIRouter()")
    if not line:
        raise FleetError(f"{API} has no line `router = APIRouter()`: add the two lines by hand.")
    return f"{head.rstrip()}\n{imported}\n{line}{rest.rstrip()}\n{include}"


def _with_scopes(text: str, resource: Resource) -> str:
    """The tests' caller may do what the resource asks for."""
    scopes = f"{scope(resource, 'read')} {scope(resource, 'write')}"
    if not re.search(r"^TEST_SCOPES=", text, re.MULTILINE):
        raise FleetError(f"{SCOPES} has no line TEST_SCOPES=.")

    def add(match: re.Match[str]) -> str:
        return f'TEST_SCOPES="{f"{match[1]} {scopes}".strip()}"'

    return re.sub(r'^TEST_SCOPES="?(.*?)"?$', add, text, count=1, flags=re.MULTILINE)


def _formatted(project: Project, texts: dict[str, str]) -> dict[str, str]:
    """Without unused imports, the others sorted, formatted by the service's own settings."""
    with TemporaryDirectory() as place:
        folder = Path(place)
        for name in CONFIGURATION:
            if (project.folder / name).is_file():
                shutil.copy(project.folder / name, folder)
        for path, text in texts.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, encoding="utf-8")
        formatting.prune_imports(folder, texts)
        formatting.reformat(folder, texts)
        return {path: (folder / path).read_text(encoding="utf-8") for path in texts}
