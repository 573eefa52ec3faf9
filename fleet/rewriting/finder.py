"""The base of the visitors of a file."""

from collections.abc import Mapping

import libcst as cst
from libcst.metadata import ByteSpanPositionProvider, PositionProvider, ScopeProvider

from fleet.rewriting.bindings import Binding
from fleet.rewriting.findings import Findings
from fleet.rewriting.resolution import Moved, Names
from fleet.rewriting.scopes import Free, Origin, origin

Dotted = cst.Name | cst.Attribute


class Finder(cst.CSTVisitor):
    """Visits everything except import statements."""

    METADATA_DEPENDENCIES = (ScopeProvider, ByteSpanPositionProvider, PositionProvider)

    def __init__(
        self, known: Mapping[int, Binding], names: Names, free: Free, findings: Findings
    ) -> None:
        super().__init__()
        self.known, self.names, self.free, self.findings = known, names, free, findings

    def visit_Import(self, node: cst.Import) -> bool:
        return False

    def visit_ImportFrom(self, node: cst.ImportFrom) -> bool:
        return False

    def origin(self, node: cst.CSTNode, named: list[str]) -> Origin | None:
        """The imports behind a dotted name in a node's scope."""
        return origin(self.get_metadata(ScopeProvider, node, None), named, self.known)

    def edit(self, node: cst.CSTNode, text: str) -> None:
        span = self.get_metadata(ByteSpanPositionProvider, node)
        self.findings.edit(span.start, span.start + span.length, text)

    def leave(self, node: cst.CSTNode, reason: str) -> None:
        self.findings.leave(self.get_metadata(PositionProvider, node).start.line, reason)


def parts(node: cst.BaseExpression) -> list[str]:
    """`a.b.c` as its parts; none if it does not begin with a name."""
    if isinstance(node, cst.Name):
        return [node.value]
    before = parts(node.value) if isinstance(node, cst.Attribute) else []
    return [*before, node.attr.value] if before and isinstance(node, cst.Attribute) else []


def depth(moved: Moved, path: str) -> int:
    """How many parts below a path a move goes."""
    return moved.old.count(".") - path.count(".")
