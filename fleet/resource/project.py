"""What a resource has to know of its service. Its files are read, and nothing of it is run."""

import ast
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from fleet.errors import FleetError
from fleet.service import ANSWERS_FILE

NEEDED = {
    "app/core/schemas.py": ("Line =", "Name =", "def omittable"),
    "app/core/writes.py": ("async def create", "async def change", "def check_version"),
    "app/core/conditional.py": ("def tagged", "IfMatch ="),
    "app/core/idempotency.py": ("def idempotent",),
    "app/core/pagination.py": ("class Listing", "After ="),
    "app/core/models.py": ("class RecordMixin", "class VersionMixin"),
    "app/api.py": ("router = APIRouter()",),
    "tests/rows.py": ("object: ",),
}
"""What generated code imports, and the newest of it."""
NAMED = re.compile(r'(?:__tablename__ = |\bEnum\([^()]*\bname=|\bTable\([^"]*)"(\w+)"')


@dataclass(frozen=True)
class Other:
    """A resource that is there: `Customer` of `app/customers`, in the table `customer`."""

    plural: str
    singular: str
    python: str
    path: str = ""
    """Of its list."""
    can_be_deleted: bool = False


@dataclass(frozen=True)
class Project:
    folder: Path

    @cached_property
    def answers(self) -> dict[str, Any]:
        try:
            found = yaml.safe_load(self.text(ANSWERS_FILE))
        except yaml.YAMLError as error:
            raise FleetError(f"{ANSWERS_FILE} is not valid YAML.") from error
        return found if isinstance(found, dict) else {}

    @property
    def has_auth(self) -> bool:
        return bool(self.answers.get("auth", "none") != "none")

    @cached_property
    def taken(self) -> dict[str, str]:
        """The names of tables and of their types, each with the file that has it."""
        return {
            name: file.relative_to(self.folder).as_posix()
            for file in sorted(self.folder.glob("app/**/*.py"))
            for name in NAMED.findall(self._text(file))
        }

    @cached_property
    def migrated(self) -> set[str]:
        """The names of tables, indexes, constraints and types that migrations have, and more."""
        files = (self.folder / "migrations/versions").glob("*.py")
        return {name for file in files for name in re.findall(r'"(\w+)"', self._text(file))}

    def text(self, path: str) -> str:
        """Raises FleetError for a file that is not there."""
        try:
            return (self.folder / path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise FleetError(f"{self.folder / path} cannot be read: {error}.") from error

    def require_core(self) -> None:
        """Raises FleetError for a service that is none, or older than what would be written."""
        if not (self.folder / ANSWERS_FILE).is_file():
            raise FleetError(f"{self.folder} has no {ANSWERS_FILE}: run this in a service.")
        for path, names in NEEDED.items():
            text = self.text(path) if (self.folder / path).is_file() else ""
            for name in names:
                if name not in text:
                    raise FleetError(
                        f"{path} has no `{name}`, which a resource needs:"
                        " run `make template-update`."
                    )

    @cached_property
    def resources(self) -> list[str]:
        found = self.folder.glob("app/*/models.py")
        return sorted(file.parent.name for file in found if "__tablename__" in self._text(file))

    @cached_property
    def routers(self) -> set[str]:
        """The names that `app/api.py` has."""
        nodes = list(ast.walk(self._tree("app/api.py")))
        imported = {node.asname or node.name for node in nodes if isinstance(node, ast.alias)}
        return imported | {node.id for node in nodes if isinstance(node, ast.Name)}

    def other(self, plural: str) -> Other:
        """Raises FleetError for one that cannot be referred to, or that tests cannot make."""
        path = f"app/{plural}/models.py"
        tables = [node for node in self._classes(path) if _table(node)]
        if len(tables) != 1:
            raise FleetError(f"{path} has {len(tables)} tables: only one can be referred to.")
        [model] = tables
        if "RecordMixin" not in {base.id for base in model.bases if isinstance(base, ast.Name)}:
            raise FleetError(f"{model.name} in {path} has no key of RecordMixin to refer to.")
        singular, routes = _table(model), self.text(f"app/{plural}/routes.py")
        self.require_function(f"tests/{plural}/examples.py", f"create_{singular}")
        prefix = re.search(r'APIRouter\(prefix="([^"]*)"', routes)
        can_be_deleted = f"def delete_{singular}(" in routes
        return Other(plural, singular, model.name, prefix[1] if prefix else "", can_be_deleted)

    def require_function(self, path: str, name: str) -> None:
        """Raises FleetError for a function of another resource that is not there."""
        if not (self.folder / path).is_file() or f"async def {name}(" not in self.text(path):
            raise FleetError(f"{path} has no `async def {name}`: write it as the example has it.")

    def _classes(self, path: str) -> list[ast.ClassDef]:
        return [node for node in self._tree(path).body if isinstance(node, ast.ClassDef)]

    def _tree(self, path: str) -> ast.Module:
        try:
            return ast.parse(self.text(path))
        except (SyntaxError, ValueError) as error:  # ValueError: a NUL
            place = f": line {error.lineno}" if isinstance(error, SyntaxError) else ""
            raise FleetError(f"{path} is not valid Python{place}.") from error

    def _text(self, file: Path) -> str:
        return self.text(file.relative_to(self.folder).as_posix())


def _table(node: ast.ClassDef) -> str:
    """The name of its table; "" if it has none."""
    for statement in node.body:
        match statement:
            case ast.Assign(targets=[ast.Name("__tablename__")], value=ast.Constant(str(name))):
                return name
    return ""
