"""The edits of one file, and the places left to people."""

from dataclasses import dataclass, field

from fleet.rewriting.resolution import Moved


@dataclass(frozen=True, order=True)
class Left:
    """A line to change by hand, and why."""

    line: int
    reason: str


@dataclass(frozen=True)
class Rewritten:
    """A file's new content, the names that changed in it, and what is left to change by hand."""

    content: bytes
    changes: dict[str, str] = field(default_factory=dict)
    left: list[Left] = field(default_factory=list)


@dataclass
class Findings:
    """The positions of edits are bytes of the file's text in UTF-8."""

    edits: list[tuple[int, int, str]] = field(default_factory=list)
    changes: dict[str, str] = field(default_factory=dict)
    left: list[Left] = field(default_factory=list)

    def edit(self, start: int, end: int, text: str) -> None:
        self.edits.append((start, end, text))

    def note(self, moved: Moved) -> None:
        self.changes[moved.old] = moved.new

    def leave(self, line: int, reason: str) -> None:
        if (left := Left(line, reason)) not in self.left:
            self.left.append(left)

    def applied(self, text: bytes) -> bytes:
        for start, end, new in sorted(self.edits, reverse=True):
            text = text[:start] + new.encode() + text[end:]
        return text


def gone(moved: Moved) -> str:
    return f"{moved.old} was removed: {moved.reason}"
