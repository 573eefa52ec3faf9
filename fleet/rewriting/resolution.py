"""What a dotted path is called in a newer version, through one release or several."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fleet.rewriting.moves import Moves, Rules


@dataclass(frozen=True)
class Moved:
    """The beginning of a dotted path that has another name now, or that is gone for a reason."""

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
        """None for what kept its name."""
        moved: Moved | None = None
        for known in self._tables:
            step = _longest(known, moved.path(dotted) if moved else dotted)
            moved = _join(dotted, moved, step) if moved and step else step or moved
            if moved and moved.reason:
                return moved
        return moved

    def inside(self, prefix: str) -> bool:
        """Whether something that begins with these letters was moved or removed."""
        return any(old.startswith(prefix) for known in self._tables for old in known)

    def words(self) -> set[str]:
        """One of them stands in each file that uses a moved name."""
        moved = [it for known in self._tables for it in known.values()]
        modules = {it.old.split(".")[-2] for it in moved if not it.is_module and "." in it.old}
        return modules | {it.old.split(".")[-1] for it in moved}


def table(rules: Sequence[Rules]) -> Table:
    """What is more special comes later, and counts."""
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
    """Both, one after the other: what neither touched is the end of the path."""
    middle = first.path(dotted)
    rests = (len(dotted) - len(first.old), len(middle) - len(second.old))
    kind = first if rests[0] < rests[1] else second
    rest, whole = min(rests), second.path(middle)
    old = dotted[: len(dotted) - rest]
    if second.reason:
        return Moved(old, "", False, second.reason)
    return Moved(old, whole[: len(whole) - rest], kind.is_module)
