"""Resolves names in a scope, and finds free names."""

import builtins
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from libcst.metadata import ImportAssignment, Scope

from fleet.rewriting.bindings import Binding


@dataclass(frozen=True)
class Origin:
    """The imports that bind the first `size` parts of a dotted name to a path."""

    size: int
    path: str
    bindings: list[Binding]
    is_certain: bool
    """Whether nothing else binds the name there."""

    @property
    def is_path(self) -> bool:
        return self.bindings[0].is_path

    def keep(self) -> None:
        """A use keeps `import a.b` if it spells all of it: any import of a package binds `a`."""
        for binding in self.bindings:
            binding.is_kept |= not binding.is_path or binding.local == self.path

    def need(self, module: str, local: str) -> None:
        for binding in self.bindings:
            binding.needs[module] = local


def origin(scope: object, parts: list[str], known: Mapping[int, Binding]) -> Origin | None:
    """None if the name is not imported."""
    for size in range(len(parts) if isinstance(scope, Scope) else 0, 0, -1):
        assert isinstance(scope, Scope)
        local = ".".join(parts[:size])
        if found := list(scope[local]):
            roots = scope[parts[0]]
            # libcst finds `app.core` of `import app.core` behind a parameter `app`, too.
            if not any(root.scope is each.scope for root in roots for each in found):
                return None
            imports = [each for each in found if isinstance(each, ImportAssignment)]
            bound = [known[id(each.as_name)] for each in imports]
            paths = [local if binding.is_path else binding.old for binding in bound]
            certain = len(bound) == len(found) and len(set(paths)) == 1
            certain &= all(isinstance(root, ImportAssignment) for root in roots)
            return Origin(size, paths[0], bound, certain) if bound else None
    return None


class Free:
    """Names for modules that a file imports in addition."""

    def __init__(self, scopes: Iterable[object], known: Mapping[int, Binding]) -> None:
        self._chosen: dict[str, str] = {}
        self._taken: dict[str, set[str]] = {name: {""} for name in dir(builtins)}
        for scope in scopes:
            for bound in scope.assignments if isinstance(scope, Scope) else ():
                path = known[id(bound.as_name)].new if isinstance(bound, ImportAssignment) else ""
                self._taken.setdefault(bound.name, set()).add(path)

    def local(self, module: str) -> str:
        """A free name for a module; empty if its usual names mean other things."""
        parts = module.split(".")
        for name in (self._chosen.get(module, parts[-1]), "_".join(parts[-2:])):
            if self._taken.setdefault(name, {module}) == {module}:
                self._chosen[module] = name
                return name
        return ""
