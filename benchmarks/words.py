"""Tells the results in README.md and which targets were met in docs/benchmarks/README.md."""

import re
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.figures import Row, gains, median, ratios, table, values
from benchmarks.plan import RAW, SERVICE, USUAL

READS, WRITES = ("GET one", "list 20"), ("POST one", "PATCH one")
OF_RAW = 0.76
OF_USUAL = {"GET one": 2.3, "list 20": 2.0, "POST one": 1.5, "PATCH one": 1.5}
ROUND_TRIPS = {"GET one": 1, "list 20": 1, "POST one": 3, "PATCH one": 3}
P99_OF_USUAL = 0.4
PROCESSES = 1.9
MEMORY = 1.05


def write(measured: dict[str, Any], root: Path) -> None:
    """Replace what stands between two marks in both pages."""
    for page, text in (
        (root / "README.md", summary(measured)),
        (root / "docs/benchmarks/README.md", targets(measured)),
    ):
        page.write_text(between(page.read_text(), text))


def between(page: str, text: str) -> str:
    """The page with this text between its marks. `ValueError` if it has none."""
    mark = r"(<!-- `make bench` writes this -->\n).*(<!-- end -->)"
    replaced, count = re.subn(mark, lambda marks: marks[1] + text + marks[2], page, flags=re.DOTALL)
    if count != 1:
        raise ValueError(f"A page has {count} places for the results, and not one.")
    return replaced


def summary(measured: dict[str, Any]) -> str:
    """A table of ratios, and a sentence on each template of the field."""
    loads = measured["loads"]
    lines = [
        [
            work,
            f"{_of(loads, work, 32, RAW.name):.2f}",
            f"{_of(loads, work, 32, USUAL.name):.2f}",
            ", ".join(f"{_p99(loads, work, each.name):.0f}" for each in (SERVICE, USUAL)),
        ]
        for work in (*READS, *WRITES)
    ]
    header = [
        "work",
        "requests/s at 32 connections: of FastAPI + raw asyncpg",
        "times the usual template",
        "p99 in ms at 256 connections: service, usual template",
    ]
    return table(header, lines) + "\n" + "".join(_field(measured["field"]))


def targets(measured: dict[str, Any]) -> str:
    """Each target, whether it was met, and the figures."""
    return table(["target", "where it stands"], _targets(measured))


def _targets(measured: dict[str, Any]) -> Iterator[list[str]]:
    loads, works = measured["loads"], (*READS, *WRITES)
    of_raw = [_of(loads, work, 32, RAW.name) for work in READS]
    yield _line(
        f"{', '.join(READS)}: at least {OF_RAW} of FastAPI + raw asyncpg",
        [(figure, figure >= OF_RAW) for figure in of_raw],
    )
    for work, least in OF_USUAL.items():
        figure = _of(loads, work, 32, USUAL.name)
        yield _line(
            f"{work}: at least {least} times the usual template", [(figure, figure >= least)]
        )
    [facts] = [fact for fact in measured["facts"] if fact["contender"] == SERVICE.name]
    [usual] = [fact for fact in measured["facts"] if fact["contender"] == USUAL.name]
    yield _line(
        "reads take one round trip, writes three",
        [
            (float(facts["round_trips"][work]), facts["round_trips"][work] <= most)
            for work, most in ROUND_TRIPS.items()
        ],
    )
    tails = [_p99(loads, work, SERVICE.name) / _p99(loads, work, USUAL.name) for work in works]
    yield _line(
        f"{', '.join(works)}: p99 at 256 connections on a pool of 10 at most {P99_OF_USUAL} of the "
        "usual template's",
        [(tail, tail <= P99_OF_USUAL) for tail in tails],
    )
    failed = sum(row["failed"] for row in loads if row["contender"] == SERVICE.name)
    yield _line("no request fails", [(failed, failed == 0)])
    own = [row for row in measured["scaling"] if row["contender"] == SERVICE.name]
    scaled = statistics.median(gains(own, 2))
    yield _line(
        f"two processes: at least {PROCESSES} times one, for each CPU second of the servers",
        [(scaled, scaled >= PROCESSES)],
    )
    if measured["memory"]:
        first, last = measured["memory"]
        grown = last["mb"] / first["mb"]
        yield _line(
            f"memory after {last['requests']} requests: at most {MEMORY} of that after the first",
            [(grown, grown <= MEMORY)],
        )
    for name, what in (("import_s", "import"), ("ready_s", "start to ready")):
        ours, theirs = (statistics.median(fact[name]) for fact in (facts, usual))
        yield _line(f"{what}: no slower than the usual template", [(ours / theirs, ours <= theirs)])


def _line(target: str, found: list[tuple[float, bool]]) -> list[str]:
    met = "reached" if all(good for _, good in found) else "missed"
    return [
        target,
        f"{met}: {', '.join(f'{figure:.2f}'.removesuffix('.00') for figure, _ in found)}",
    ]


def _of(loads: list[Row], work: str, connections: int, reference: str) -> float:
    """The service's requests/s as a ratio: the median of the rounds, one process."""
    at = {"work": work, "connections": connections}
    rows = [row for row in loads if at.items() <= row.items()]
    return statistics.median(ratios(rows, SERVICE.name, reference))


def _p99(loads: list[Row], work: str, name: str) -> float:
    at = {"work": work, "connections": 256, "contender": name}
    return median([row for row in loads if at.items() <= row.items()], "p99_ms")


def _field(given: dict[str, Any]) -> Iterator[str]:
    """A line for each template: how many times its requests/s the service answers."""
    for name, differs in [(each["name"], each["differs"]) for each in given["contenders"][1:]]:
        works = values((row for row in given["loads"] if row["contender"] == name), "work")
        told = []
        for work in works:
            rows = [row for row in given["loads"] if row["work"] == work]
            told.append(f"{work} {statistics.median(ratios(rows, SERVICE.name, name)):.2f}")
        compared = f"{', '.join(told)} times the requests/s of {name}"
        yield f"- {compared}, asked for its own example. It {differs}.\n"
