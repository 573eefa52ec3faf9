"""What a name means where it stands, and which names are free."""

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
    """None for what is not imported."""
    for size in range(len(parts) if isinstance(scope, Scope) else 0, 0, -1):
        assert isinstance(scope, Scope)
        local = ".".join(parts[:size])
        if found := list(scope[local]):
            roots = scope[parts[0]]
            # libcst finds `app.core` of `import app.core` behind a parameter `app`, too.
            if not any(root.scope is it.scope for root in roots for it in found):
                return None
            imports = [it for it in found if isinstance(it, ImportAssignment)]
            bound = [known[id(it.as_name)] for it in imports]
            paths = [local if it.is_path else it.old for it in bound]
            certain = len(bound) == len(found) and len(set(paths)) == 1
            certain &= all(isinstance(root, ImportAssignment) for root in roots)
            return Origin(size, paths[0], bound, certain) if bound else None
    return None


class Free:
    """Names for modules that a file imports besides."""

    def __init__(self, scopes: Iterable[object], known: Mapping[int, Binding]) -> None:
        self._chosen: dict[str, str] = {}
        self._taken: dict[str, set[str]] = {name: {""} for name in dir(builtins)}
        for scope in scopes:
            for it in scope.assignments if isinstance(scope, Scope) else ():
                is_import = isinstance(it, ImportAssignment)
                path = known[id(it.as_name)].new if isinstance(it, ImportAssignment) else ""
                self._taken.setdefault(it.name, set()).add(path if is_import else "")

    def local(self, module: str) -> str:
        """What the file may call a module; empty where the names that fit mean other things."""
        parts = module.split(".")
        for name in (self._chosen.get(module, parts[-1]), "_".join(parts[-2:])):
            if self._taken.setdefault(name, {module}) == {module}:
                self._chosen[module] = name
                return name
        return ""
