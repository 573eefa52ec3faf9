"""The names that a file imports, and their names in the newer version."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import libcst as cst
from libcst.helpers import get_full_name_for_node

from fleet.rewriting.resolution import Moved, Names

Statement = cst.Import | cst.ImportFrom


@dataclass
class Binding:
    """One name of an import statement."""

    statement: Statement
    alias: cst.ImportAlias
    local: str
    """Its name in the file: the whole path for `import a.b`."""
    old: str
    moved: Moved | None
    is_kept: bool = False
    """Whether a use spells it as before."""
    needs: dict[str, str] = field(default_factory=dict)
    """Modules that uses need instead of it, and their names in the file."""

    @property
    def is_path(self) -> bool:
        """Whether uses spell the whole path: `import a.b`, and then `a.b.c`."""
        return isinstance(self.statement, cst.Import) and self.alias.asname is None

    @property
    def new(self) -> str:
        return self.moved.path(self.old) if self.moved and not self.moved.reason else self.old

    @property
    def is_dropped(self) -> bool:
        """Whether all its uses now need other imports."""
        if self.is_path and self.new == self.old:
            return False
        return bool(self.needs) and not self.is_kept

    @property
    def is_changed(self) -> bool:
        return self.new != self.old or bool(self.needs)


@dataclass(frozen=True)
class Place:
    """Where a file is: relative imports start there."""

    path: str

    def module(self, statement: cst.ImportFrom) -> str:
        """The whole path of the module that a statement imports from."""
        named = get_full_name_for_node(statement.module) if statement.module else None
        return ".".join([*self._base(statement), *([named] if named else [])])

    def spelled(self, module: str, statement: cst.ImportFrom) -> str:
        """A module's path for a statement: relative if the statement is and it can be."""
        base, dots = ".".join(self._base(statement)), "." * len(statement.relative)
        if base and module == base:
            return dots
        inside = base and module.startswith(f"{base}.")
        return f"{dots}{module[len(base) + 1 :]}" if inside else module

    def _base(self, statement: cst.ImportFrom) -> list[str]:
        if not statement.relative:
            return []
        package = self.path.split("/")[:-1]
        above = len(package) - len(statement.relative) + 1
        return package[:above] if above > 0 else [""]  # out of the service, where nothing moved


def bindings(statement: Statement, names: Names, place: Place) -> Iterator[Binding]:
    if isinstance(statement.names, cst.ImportStar):
        return
    inside = f"{place.module(statement)}." if isinstance(statement, cst.ImportFrom) else ""
    for alias in statement.names:
        old = inside + alias.evaluated_name
        local = alias.evaluated_alias or alias.evaluated_name
        yield Binding(statement, alias, local, old, names.resolve(old))


def key(alias: cst.ImportAlias) -> int:
    """The identity that libcst's scopes give to the name that an alias binds."""
    return id(alias.asname.name if alias.asname else alias.name)
