"""Resolves dotted paths to their names in a newer version, through one release or several."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fleet.rewriting.moves import Moves, Rules


@dataclass(frozen=True)
class Moved:
    """The beginning of a dotted path that was renamed, or was removed for a reason."""

    old: str
    new: str
    is_module: bool
    reason: str = ""

    @property
    def module(self) -> str:
        return self.new if self.is_module else self.new.rpartition(".")[0]

    def path(self, dotted: str) -> str:
        """The new path of something that began with the old one."""
        return self.new + dotted[len(self.old) :]


Table = dict[str, Moved]


class Names:
    """The moved names that a file may use."""

    def __init__(self, releases: Iterable[Moves], path: str) -> None:
        self._tables = [table(moves.rules(path)) for moves in releases]

    def resolve(self, dotted: str) -> Moved | None:
        """None if the path kept its name."""
        moved: Moved | None = None
        for known in self._tables:
            step = _longest(known, moved.path(dotted) if moved else dotted)
            moved = _join(dotted, moved, step) if moved and step else step or moved
            if moved and moved.reason:
                return moved
        return moved

    def inside(self, prefix: str) -> bool:
        """Whether a path with this prefix was moved or removed."""
        return any(old.startswith(prefix) for known in self._tables for old in known)

    def words(self) -> set[str]:
        """Each file that uses a moved name contains one of these words."""
        paths = [
            (moved.old.split("."), moved) for known in self._tables for moved in known.values()
        ]
        modules = {parts[-2] for parts, moved in paths if not moved.is_module and parts[1:]}
        return modules | {parts[-1] for parts, _ in paths}


def table(rules: Sequence[Rules]) -> Table:
    """More specific rules come later, and win."""
    known: Table = {}
    for these in rules:
        known |= {old: Moved(old, new, True) for old, new in these.modules.items()}
        known |= {old: Moved(old, new, False) for old, new in these.names.items()}
        known |= {old: Moved(old, "", False, reason) for old, reason in these.removed.items()}
    return known


def _longest(known: Table, dotted: str) -> Moved | None:
    while dotted not in known and "." in dotted:
        dotted = dotted.rpartition(".")[0]
    return known.get(dotted)


def _join(dotted: str, first: Moved, second: Moved) -> Moved:
    """Both moves as one. The end of the path is what neither of them changed."""
    middle = first.path(dotted)
    rests = (len(dotted) - len(first.old), len(middle) - len(second.old))
    kind = first if rests[0] < rests[1] else second
    rest, whole = min(rests), second.path(middle)
    old = dotted[: len(dotted) - rest]
    if second.reason:
        return Moved(old, "", False, second.reason)
    return Moved(old, whole[: len(whole) - rest], kind.is_module)
