"""Writes results.json as Markdown tables."""

import json
import platform
import subprocess
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import database, plot
from benchmarks.figures import Row, gains, median, ratios, spread, table, values
from benchmarks.load import generator
from benchmarks.plan import RAW, SERVICE, USUAL
from benchmarks.server import FLAGS, python

SHARED = ("fastapi", "starlette", "uvicorn", "sqlalchemy", "asyncpg", "pydantic")
DISTRIBUTIONS = (*SHARED, "structlog")


def versions(service: Path, distributions: Sequence[str]) -> dict[str, str]:
    """Those of a service's Python and of what it has installed."""
    code = f"""
from importlib.metadata import version
import json, platform
versions = {{name: version(name) for name in {distributions}}}
print(json.dumps({{"python": platform.python_version(), **versions}}))
"""
    run = [python(service), "-c", code]
    output = subprocess.run(run, capture_output=True, text=True, check=True).stdout
    found: dict[str, str] = json.loads(output)
    return found


def about(service: Path, url: str, command: str) -> dict[str, Any]:
    """The circumstances of a run."""
    around = {"postgres": database.version(url), "load": generator()}
    return {
        "command": command,
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": f"{platform.machine()}, {platform.system()} {platform.release()}",
        "flags": FLAGS,
        "versions": {**versions(service, DISTRIBUTIONS), **around},
    }


def write(folder: Path) -> None:
    """Write results.md and results.svg from results.json."""
    measured = json.loads((folder / "results.json").read_text())
    loads = measured["loads"]
    sections = [
        _about(measured["about"]),
        _loads(loads),
        *(
            _scaling(measured["scaling"], count)
            for count in values(measured["scaling"], "processes")[1:]
        ),
        _facts(measured["facts"]),
        _parts(measured["parts"]),
        *(_telemetry(measured["telemetry"], work) for work in ("GET one", "POST one")),
        _memory(measured["memory"]),
        _field(measured["field"]),
    ]
    (folder / "results.md").write_text("\n".join(filter(None, sections)))
    if loads:
        (folder / "results.svg").write_text(plot.svg(loads))


def _about(given: dict[str, Any]) -> str:
    return (
        "# Results\n\n[README.md](README.md) explains them.\n\n"
        f"`{given['command']}`, {given['date']}, {given['machine']}. "
        f"{_listed(given['versions'])}. Served by "
        f"`python -m uvicorn APP {given['flags']}`.\n\n![GET one by id](results.svg)\n"
    )


def _listed(found: dict[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in found.items())


def _loads(rows: list[Row]) -> str:
    if not rows:
        return ""
    header = ["work", "conns", "contender", "req/s", "of raw", "x usual", "p50 ms", "p99 ms"]
    lines = []
    for work in values(rows, "work"):
        for connections in values(rows, "connections"):
            at = {"work": work, "connections": connections}
            cell = [row for row in rows if at.items() <= row.items()]
            lines += [[work, connections, *line] for line in _cell(cell)]
    return "## One process\n\n" + table([*header, "CPU µs/req", "failed"], lines)


def _cell(rows: list[Row]) -> Iterable[list[object]]:
    """A line per contender: medians, and ratios within the same round."""
    for name in values(rows, "contender"):
        own = [row for row in rows if row["contender"] == name]
        compared = [spread(ratios(rows, name, other.name)) for other in (RAW, USUAL)]
        rps, cpu = (f"{median(own, value):.0f}" for value in ("rps", "cpu_us"))
        times = [f"{median(own, value):.1f}" for value in ("p50_ms", "p99_ms")]
        yield [name, rps, *compared, *times, cpu, sum(row["failed"] for row in own)]


def _scaling(rows: list[Row], processes: int) -> str:
    """So many processes compared with one: as measured, and with a core for each."""
    lines = []
    for name in values(rows, "contender"):
        own = [row for row in rows if row["contender"] == name]
        one, more = ([row for row in own if row["processes"] == n] for n in (1, processes))
        measured = f"{median(more, 'rps') / median(one, 'rps'):.2f}"
        lines.append([name, measured, spread(gains(own, processes))])
    header = [
        "contender",
        "x one process, measured",
        "x one process, per CPU second of the servers",
    ]
    return f"## {processes} processes, GET one at 32 connections\n\n" + table(header, lines)


def _facts(rows: list[Row]) -> str:
    if not rows:
        return ""
    works = list(rows[0]["round_trips"])
    header = ["contender", "import s", "start to ready s", "RSS MB"]
    lines = [
        [row["contender"], spread(row["import_s"]), spread(row["ready_s"]), row["rss_mb"]]
        + [row["round_trips"][work] for work in works]
        for row in rows
    ]
    return "## Start, memory, round trips\n\n" + table([*header, *works], lines)


def _parts(rows: list[Row]) -> str:
    """The cost of each part: the service compared with the service without it."""
    return _compared("## What each part costs\n\n", "GET one", rows)


def _telemetry(rows: list[Row], work: str) -> str:
    """The cost of telemetry, compared with the service that was rendered without it."""
    title = f"## What telemetry costs: {work}\n\n"
    return _compared(title, work, [row for row in rows if row["work"] == work])


def _compared(title: str, work: str, rows: list[Row]) -> str:
    if not rows:
        return ""
    lines = [
        [
            name,
            spread(ratios(rows, name, SERVICE.name)),
            spread(ratios(rows, name, SERVICE.name, "cpu_us")),
        ]
        for name in values(rows, "contender")
    ]
    header = [f"{work} at 32 connections", "x the service's req/s", "x its CPU/req"]
    return title + table(header, lines)


def _memory(rows: list[Row]) -> str:
    if not rows:
        return ""
    lines = [[row["requests"], row["mb"]] for row in rows]
    title = "## Memory of the service, mixed work at 32 connections\n\n"
    return title + table(["requests", "RSS MB"], lines)


def _field(given: dict[str, Any]) -> str:
    """Templates of the field: how they were rendered, and loads in the same rounds."""
    if not given["loads"]:
        return ""
    about = "".join(
        f"- {each['name']}: {_listed(each['versions'])}"
        + (f", rendered by\n  `{each['command']}`\n" if each["command"] else "\n")
        for each in given["contenders"]
    )
    lines = []
    for work in values(given["loads"], "work"):
        rows = [row for row in given["loads"] if row["work"] == work]
        for name in values(rows, "contender"):
            own = [row for row in rows if row["contender"] == name]
            rps, cpu = (f"{median(own, value):.0f}" for value in ("rps", "cpu_us"))
            times = [f"{median(own, value):.1f}" for value in ("p50_ms", "p99_ms")]
            ratio = spread(ratios(rows, SERVICE.name, name))
            failed = sum(row["failed"] for row in own)
            lines.append([work, name, rps, ratio, *times, cpu, failed])
    header = ["work at 32 connections", "contender", "req/s", "the service's, as a multiple"]
    header += ["p50 ms", "p99 ms", "CPU µs/req", "failed"]
    return f"## Templates of the field\n\n{about}\n" + table(header, lines)
