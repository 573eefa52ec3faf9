"""Statistics of rounds: medians, ratios, and their spread."""

import statistics
from collections.abc import Iterable, Sequence
from typing import Any

Row = dict[str, Any]


def median(rows: Iterable[Row], value: str) -> float:
    return statistics.median([float(row[value]) for row in rows])


def ratios(rows: Sequence[Row], name: str, reference: str, value: str = "rps") -> list[float]:
    """The ratio of two contenders in each round."""
    ours = {row["round"]: row[value] for row in rows if row["contender"] == name}
    theirs = {row["round"]: row[value] for row in rows if row["contender"] == reference}
    return [ours[number] / theirs[number] for number in ours]


def gains(rows: Sequence[Row], processes: int) -> list[float]:
    """What so many processes of a contender reach for each CPU second, as a multiple of one, in
    each round: as with a core for each."""
    used = {(row["round"], row["processes"]): row["cpu_us"] for row in rows}
    rounds = values(rows, "round")
    return [processes * used[number, 1] / used[number, processes] for number in rounds]


def spread(numbers: Sequence[float]) -> str:
    """The median, and in parentheses the minimum and the maximum."""
    return f"{statistics.median(numbers):.2f} ({min(numbers):.2f} to {max(numbers):.2f})"


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(map(str, line))} |\n" for line in lines)


def values(rows: Iterable[Row], key: str) -> list[Any]:
    """The distinct values of a key, in the order of the rows."""
    return list(dict.fromkeys(row[key] for row in rows))
