"""Rewrites the text of one Python file."""

import tokenize
from io import BytesIO

import libcst as cst
from libcst.metadata import MetadataWrapper, ScopeProvider

from fleet.rewriting.bindings import Place, bindings, key
from fleet.rewriting.findings import Findings, Left, Rewritten
from fleet.rewriting.imports import Bound, Imports
from fleet.rewriting.resolution import Names
from fleet.rewriting.scopes import Free
from fleet.rewriting.strings import Strings
from fleet.rewriting.uses import Uses


def rewrite(content: bytes, path: str, names: Names) -> Rewritten:
    """Leaves a file that cannot be read unchanged, with a sentence about it."""
    try:
        encoding, _ = tokenize.detect_encoding(BytesIO(content).readline)
        return _rewritten(content, encoding, path, names)
    except cst.ParserSyntaxError as error:
        return _unread(
            content, error.raw_line, "is not valid Python, so moved names are left in it"
        )
    except (SyntaxError, LookupError, ValueError):
        return _unread(content, 1, "is not text in the encoding that it declares")
    except RecursionError:
        return _unread(content, 1, "is nested too deeply to be read")


def _rewritten(content: bytes, encoding: str, path: str, names: Names) -> Rewritten:
    text = content.decode(encoding)
    module = cst.parse_module(text)
    if module.code != text or text.encode(encoding) != content:
        return _unread(content, 1, "cannot be written back unchanged")
    findings = _findings(module, path, names)
    new = findings.applied(text.encode()).decode()
    return Rewritten(new.encode(encoding), findings.changes, sorted(findings.left))


def _unread(content: bytes, line: int, reason: str) -> Rewritten:
    return Rewritten(content, {}, [Left(line, f"the file {reason}")])


def _findings(module: cst.Module, path: str, names: Names) -> Findings:
    place, findings = Place(path), Findings()
    wrapper = MetadataWrapper(module, unsafe_skip_copy=True)
    collected = _Collected(names, place)
    module.visit(collected)
    known = {key(each.alias): each for bound in collected.bound.values() for each in bound}
    free = Free(set(wrapper.resolve(ScopeProvider).values()), known)
    wrapper.visit(Uses(known, names, free, findings))
    wrapper.visit(Strings(known, names, free, findings))
    wrapper.visit(Imports(collected.bound, names, place, module, findings))
    return findings


class _Collected(cst.CSTVisitor):
    """The imports of a file."""

    def __init__(self, names: Names, place: Place) -> None:
        super().__init__()
        self._names, self._place = names, place
        self.bound: Bound = {}

    def visit_Import(self, node: cst.Import) -> None:
        self.bound[id(node)] = list(bindings(node, self._names, self._place))

    def visit_ImportFrom(self, node: cst.ImportFrom) -> None:
        self.bound[id(node)] = list(bindings(node, self._names, self._place))
