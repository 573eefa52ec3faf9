"""Rewrites the uses of imported names."""

import libcst as cst

from fleet.rewriting.finder import Dotted, Finder, depth, parts
from fleet.rewriting.findings import gone
from fleet.rewriting.resolution import Moved
from fleet.rewriting.scopes import Origin


class Uses(Finder):
    """Finds the uses to respell, and the imports that they need."""

    def visit_Name(self, node: cst.Name) -> None:
        self._use(node)

    def visit_Attribute(self, node: cst.Attribute) -> bool:
        if named := parts(node):
            self._use(node)
        return not named

    def _use(self, node: Dotted) -> None:
        if not (found := self.origin(node, parts(node))):
            return
        moved = self.names.resolve(".".join([found.path, *parts(node)[found.size :]]))
        goes_elsewhere = moved and (found.is_path or depth(moved, found.path) > 0)
        if not (moved and goes_elsewhere and self._is_respelled(node, moved, found)):
            found.keep()

    def _is_respelled(self, node: Dotted, moved: Moved, found: Origin) -> bool:
        if moved.reason:
            self.leave(node, gone(moved))
            return False
        text = self._text(node, moved, found) if found.is_certain else ""
        if not text:
            name = parts(node)[0]
            self.leave(node, f"{moved.old} is {moved.new} now, but {name} means other things too")
            return False
        size = found.size + depth(moved, found.path)
        self.edit(_beginning(node, size), text)
        self.findings.note(moved)
        return True

    def _text(self, node: Dotted, moved: Moved, found: Origin) -> str:
        """The new spelling of a moved name; empty if no name is free for its module."""
        imported = found.bindings[0].new
        if found.is_path:
            found.bindings[0].needs[moved.module] = ""
            return moved.new
        if moved.new.startswith(f"{imported}."):
            found.keep()
            return parts(node)[0] + moved.new[len(imported) :]
        if local := self.free.local(moved.module):
            found.need(moved.module, local)
        return local and local + moved.new[len(moved.module) :]


def _beginning(node: Dotted, size: int) -> cst.BaseExpression:
    """The first parts of a dotted name."""
    first: cst.BaseExpression = node
    while isinstance(first, cst.Attribute) and len(parts(first)) > size:
        first = first.value
    return first
