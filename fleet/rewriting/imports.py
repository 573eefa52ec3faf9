"""Rewrites a file's imports of moved names."""

import re

import libcst as cst
from libcst.metadata import ByteSpanPositionProvider, ParentNodeProvider, PositionProvider

from fleet.rewriting import statements
from fleet.rewriting.bindings import Binding, Place, Statement
from fleet.rewriting.comments import pragma
from fleet.rewriting.findings import Findings, gone
from fleet.rewriting.resolution import Names

Bound = dict[int, list[Binding]]


class Imports(cst.CSTVisitor):
    """Rewrites import statements once the uses of what they import are known."""

    METADATA_DEPENDENCIES = (ByteSpanPositionProvider, PositionProvider, ParentNodeProvider)

    def __init__(
        self, bound: Bound, names: Names, place: Place, module: cst.Module, findings: Findings
    ) -> None:
        super().__init__()
        self._bound, self._names, self._place = bound, names, place
        self._newline, self._findings = module.default_newline, findings
        self._text = module.code.encode()

    def visit_Import(self, node: cst.Import) -> bool:
        if bound := self._changed(node):
            self._replace(node, statements.paths(bound))
        return False

    def visit_ImportFrom(self, node: cst.ImportFrom) -> bool:
        if isinstance(node.names, cst.ImportStar):
            self._star(node)
        elif bound := self._changed(node):
            if module := self._only_module(node, bound):
                self._respell(node, module)
            else:
                self._replace(node, statements.names(node, bound, self._place, self._newline))
        return False

    def _changed(self, node: Statement) -> list[Binding]:
        """The names of a statement; none if it stays as it is."""
        bound = self._bound[id(node)]
        for binding in bound:
            if binding.moved and binding.moved.reason:
                line = self.get_metadata(PositionProvider, node).start.line
                self._findings.leave(line, gone(binding.moved))
            elif binding.moved and not binding.is_dropped:
                self._findings.note(binding.moved)
        return bound if any(binding.is_changed for binding in bound) else []

    def _star(self, node: cst.ImportFrom) -> None:
        module = self._place.module(node)
        if self._names.resolve(module) or self._names.inside(f"{module}."):
            line = self.get_metadata(PositionProvider, node).start.line
            self._findings.leave(line, f"`import *`: names of {module} have moved")

    def _only_module(self, node: cst.ImportFrom, bound: list[Binding]) -> str:
        """The module that all names now come from; empty if anything else has changed."""
        modules = {binding.new.rpartition(".")[0] for binding in bound}
        same = all(_last(binding.new) == _last(binding.old) for binding in bound)
        if len(modules) > 1 or not same or any(binding.needs for binding in bound):
            return ""
        return self._place.spelled(modules.pop(), node)

    def _respell(self, node: cst.ImportFrom, module: str) -> None:
        spelled = [*node.relative, *([node.module] if node.module else [])]
        start = self.get_metadata(ByteSpanPositionProvider, spelled[0]).start
        span = self.get_metadata(ByteSpanPositionProvider, spelled[-1])
        self._findings.edit(start, span.start + span.length, module)

    def _replace(self, node: Statement, texts: list[str]) -> None:
        line = self.get_metadata(ParentNodeProvider, node)
        is_alone = isinstance(line, cst.SimpleStatementLine) and len(line.body) == 1
        comment = pragma(line) if is_alone else ""
        span = self.get_metadata(ByteSpanPositionProvider, node)
        indent = re.split(r"[\r\n]", self._text[: span.start].decode())[-1] if is_alone else ""
        between = f"{comment and f'  {comment}'}{self._newline}" if is_alone else "; "
        text = between.join(texts).replace(self._newline, f"{self._newline}{indent}")
        self._findings.edit(span.start, span.start + span.length, text)


def _last(dotted: str) -> str:
    return dotted.rpartition(".")[2]
