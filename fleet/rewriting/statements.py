"""Rewrites import statements."""

from dataclasses import dataclass, field

import libcst as cst

from fleet.rewriting.bindings import Binding, Place
from fleet.rewriting.comments import comments


@dataclass
class Name:
    """A name in an import statement, with its comments."""

    text: str
    above: list[str] = field(default_factory=list)
    beside: str = ""


def paths(bound: list[Binding]) -> list[str]:
    """`import a.b`, and statements for the other modules that its uses need."""
    names: list[str] = []
    others: list[str] = []
    for binding in bound:
        if binding.is_path:
            names += _modules(binding)
        else:
            names += [] if binding.is_dropped else [f"{binding.new} as {binding.local}"]
            others += [_module(*need) for need in binding.needs.items()]
    texts = [_plain(name) for name in dict.fromkeys(names)]
    return [*([f"import {', '.join(texts)}"] if texts else []), *others]


def names(statement: cst.ImportFrom, bound: list[Binding], place: Place, newline: str) -> list[str]:
    """`from a import b`, once per module that the names now come from."""
    groups: dict[str, list[Name]] = {}
    for binding, (above, beside) in zip(bound, comments(statement), strict=True):
        module, _, name = binding.new.rpartition(".")
        if not binding.is_dropped:
            is_exported = binding.alias.evaluated_alias == binding.alias.evaluated_name
            text = _as(name, binding.local, is_exported=is_exported)
            groups.setdefault(module, []).append(Name(text, above, beside))
        for needed, local in binding.needs.items():
            module, _, name = needed.rpartition(".")
            groups.setdefault(module, []).append(Name(_as(name, local)))
    return [
        _from(place.spelled(module, statement), group, newline) for module, group in groups.items()
    ]


def _modules(binding: Binding) -> list[str]:
    """The modules that `import a.b` has to import for its uses."""
    if binding.is_kept and binding.new != binding.old:
        return [binding.old, *binding.needs]
    return list(binding.needs) if binding.is_dropped else [binding.new, *binding.needs]


def _module(module: str, local: str) -> str:
    parent, _, name = module.rpartition(".")
    return f"from {parent} import {_as(name, local)}" if parent else f"import {_as(name, local)}"


def _as(name: str, local: str, *, is_exported: bool = False) -> str:
    """`name as local` if needed: `name as name` exports the name."""
    return name if name == local and not is_exported else f"{name} as {local}"


def _from(module: str, names: list[Name], newline: str) -> str:
    if not any(name.above or name.beside for name in names):
        return f"from {module} import {', '.join(name.text for name in names)}"
    lines = [f"from {module} import ("]
    for name in names:
        lines += [f"    {comment}" for comment in name.above]
        lines.append(f"    {name.text},{name.beside and f'  {name.beside}'}")
    return newline.join([*lines, ")"])


def _plain(name: str) -> str:
    new, _, local = name.partition(" as ")
    return new if new == local else name
