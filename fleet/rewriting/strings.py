"""Rewrites moved names in strings, such as the targets of patches in tests."""

import re
from collections.abc import Mapping

import libcst as cst

from fleet.rewriting.bindings import Binding
from fleet.rewriting.finder import Finder, parts
from fleet.rewriting.findings import Findings, gone
from fleet.rewriting.resolution import Moved, Names
from fleet.rewriting.scopes import Free

PATH = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)+")
BEGINNING = re.compile(r"((?:[^\W\d]\w*\.)+)(?:$|[%{])")
TYPE = re.compile(r"[\w.\[\], |]{1,200}")
BY_STRING = {"getattr", "setattr", "delattr", "hasattr"}
# Functions that take a module's path; elsewhere "app.health" may be anything, such as a metric.
BY_PATH = BY_STRING | {"patch", "import_module", "importorskip", "getLogger", "get_logger"}


class Strings(Finder):
    """Rewrites strings that are a whole path: of two parts only where a path is expected. Reports
    other strings with moved names."""

    def __init__(
        self, known: Mapping[int, Binding], names: Names, free: Free, findings: Findings
    ) -> None:
        super().__init__(known, names, free, findings)
        self._expected: set[int] = set()

    def visit_FormattedStringText(self, node: cst.FormattedStringText) -> None:
        self._built(node, node.value)

    def visit_SimpleString(self, node: cst.SimpleString) -> None:
        value = node.evaluated_value
        if not isinstance(value, str) or node.raw_value != value:
            return
        self._built(node, value)
        if PATH.fullmatch(value) and (moved := self.names.resolve(value)):
            self._path(node, value, moved)
        elif TYPE.fullmatch(value):
            self._type(node, value)

    def visit_Call(self, node: cst.Call) -> None:
        if (parts(node.func) or [""])[-1] in BY_PATH:
            self._expected.update(id(argument.value) for argument in node.args)
        match [argument.value for argument in node.args]:
            case [thing, cst.SimpleString() as text, *_]:
                self._attribute(node, parts(thing), text.raw_value)
            case [thing, _, *_] if (parts(node.func) or [""])[-1] in BY_STRING:
                self._any_attribute(node, parts(thing))

    def _built(self, node: cst.CSTNode, text: str) -> None:
        if not (found := BEGINNING.match(text)):
            return
        if self.names.inside(found[1]) or self.names.resolve(found[1][:-1]):
            self.leave(node, f"{found[1]}... is a name that is built at run time")

    def _path(self, node: cst.SimpleString, value: str, moved: Moved) -> None:
        if moved.reason:
            self.leave(node, gone(moved))
            return
        if _size(value) == 2 and id(node) not in self._expected:
            self.leave(node, _in_a_string(moved))
            return
        self.edit(node, f"{node.prefix}{node.quote}{moved.path(value)}{node.quote}")
        self.findings.note(moved)

    def _type(self, node: cst.SimpleString, value: str) -> None:
        """A quoted type keeps the imports that it uses."""
        for name in re.findall(r"[^\W\d][\w.]*\w", value):
            named = name.split(".")
            if found := self.origin(node, named):
                found.keep()
                known = 0 if found.is_path else _size(found.path)
                self._quoted(node, ".".join([found.path, *named[found.size :]]), known)

    def _attribute(self, node: cst.Call, named: list[str], attribute: str) -> None:
        """An attribute of a module, as in `monkeypatch.setattr(module, "name", ...)`."""
        if found := self.origin(node, named):
            path = ".".join([found.path, *named[found.size :]])
            self._quoted(node, f"{path}.{attribute}", _size(path))

    def _any_attribute(self, node: cst.Call, named: list[str]) -> None:
        if not (found := self.origin(node, named)):
            return
        path = ".".join([found.path, *named[found.size :]])
        if self.names.inside(f"{path}."):
            self.leave(node, f"which attribute of {path} this is shows at run time")

    def _quoted(self, node: cst.CSTNode, path: str, known: int) -> None:
        """Report a moved name in a string, which does not follow the file's imports."""
        moved = self.names.resolve(path)
        if moved and _size(moved.old) > known:
            self.leave(node, _in_a_string(moved))


def _in_a_string(moved: Moved) -> str:
    now = gone(moved) if moved.reason else f"{moved.old} is {moved.new} now"
    return f"{now}; here it is named in a string"


def _size(path: str) -> int:
    return path.count(".") + 1
