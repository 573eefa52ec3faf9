"""What has moved since the published results: `python -m benchmarks.compare FOLDER`.

Ratios of one run with ratios of another, never speeds: the machines may differ. Exits with 1 if a
ratio is outside the published rounds and more than a tenth from their median.
"""

import json
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.__main__ import DOCS
from benchmarks.figures import Row, ratios, spread, table, values
from benchmarks.plan import RAW, SERVICE, USUAL

TOLERATED = 0.1


class Change(NamedTuple):
    work: str
    connections: int
    reference: str
    published: list[float]
    now: list[float]

    @property
    def moved(self) -> bool:
        before, after = statistics.median(self.published), statistics.median(self.now)
        inside = min(self.published) <= after <= max(self.published)
        return not inside and abs(after / before - 1) > TOLERATED

    @property
    def word(self) -> str:
        faster = statistics.median(self.now) > statistics.median(self.published)
        return ("faster" if faster else "slower") if self.moved else "as published"


def changes(published: dict[str, Any], now: dict[str, Any]) -> Iterator[Change]:
    """The service's requests/s, compared with each reference, wherever both runs have them."""
    for work in values(now["loads"], "work"):
        for connections in values(now["loads"], "connections"):
            before, after = (_loads(each, work, connections) for each in (published, now))
            for reference in (RAW.name, USUAL.name):
                yield Change(
                    work,
                    connections,
                    reference,
                    ratios(before, SERVICE.name, reference),
                    ratios(after, SERVICE.name, reference),
                )


def page(found: list[Change]) -> str:
    header = ["work", "connections", "the service, compared with", "published", "now", ""]
    lines = [[*each[:3], spread(each.published), spread(each.now), each.word] for each in found]
    return "## Speed, compared with the published results\n\n" + table(header, lines)


def _loads(measured: dict[str, Any], work: str, connections: int) -> list[Row]:
    at = {"work": work, "connections": connections}
    return [row for row in measured["loads"] if at.items() <= row.items()]


def main(folder: str) -> int:
    published, now = (
        json.loads((each / "results.json").read_text()) for each in (DOCS, Path(folder))
    )
    found = list(changes(published, now))
    sys.stdout.write(page(found))
    return int(any(each.moved for each in found))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
