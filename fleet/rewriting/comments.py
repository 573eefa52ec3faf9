"""Comments of import statements."""

import re
from collections.abc import Iterator

import libcst as cst

# Comments that speak to a tool about the whole line.
PRAGMA = re.compile(r"#\s*(noqa|type:|pragma|pylint|isort|ruff|fmt|pyright|mypy)")


def comments(statement: cst.ImportFrom) -> Iterator[tuple[list[str], str]]:
    """For each name, the comments above it and the comment beside it."""
    assert not isinstance(statement.names, cst.ImportStar)
    beside, above = _after(statement.lpar)
    waiting = [*([beside] if beside else []), *above]
    for alias in statement.names:
        is_last = alias is statement.names[-1]
        beside, above = _after(alias.comma)
        if is_last:
            ending, late = _before(statement.rpar)
            above, beside = [*above, *late], beside or ending
        # No name follows the last one, so it takes the comments below it.
        yield [*waiting, *(above if is_last else [])], beside
        waiting = above


def pragma(line: cst.CSTNode) -> str:
    """The comment at the end of a statement's line, if a tool applies it to the whole statement."""
    comment = (
        line.trailing_whitespace.comment if isinstance(line, cst.SimpleStatementLine) else None
    )
    return comment.value if comment and PRAGMA.match(comment.value) else ""


def _after(mark: object) -> tuple[str, list[str]]:
    """The comments after a comma or a parenthesis: on its line, and below."""
    return _in(mark.whitespace_after) if isinstance(mark, cst.Comma | cst.LeftParen) else ("", [])


def _before(mark: object) -> tuple[str, list[str]]:
    return _in(mark.whitespace_before) if isinstance(mark, cst.RightParen) else ("", [])


def _in(space: cst.BaseParenthesizableWhitespace) -> tuple[str, list[str]]:
    if not isinstance(space, cst.ParenthesizedWhitespace):
        return "", []
    first = space.first_line.comment
    below = [line.comment.value for line in space.empty_lines if line.comment]
    return (first.value if first else ""), below
