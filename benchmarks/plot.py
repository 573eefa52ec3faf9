"""Plots requests per second as bars, in plain SVG."""

import statistics
from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

from benchmarks.plan import LIMIT

WIDTH, BAR, GAP, LABEL = 720, 18, 26, 200
COLOURS = ("#7a9cc6", "#5b7fa6", "#c98b5b", "#2f6f4f")
PLOTTED = {"connections": 32}


def svg(rows: Sequence[dict[str, Any]]) -> str:
    """A group of bars per kind of work, without the limit, which would dwarf the others."""
    shown = [r for r in rows if PLOTTED.items() <= r.items() and r["contender"] != LIMIT.name]
    works = list(dict.fromkeys(row["work"] for row in shown))
    names = list(dict.fromkeys(row["contender"] for row in shown))
    height = len(works) * (len(names) * BAR + GAP) + 10
    bars = "\n".join(_bars(shown, works, names))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'font-family="sans-serif" font-size="12">\n'
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>\n{bars}\n</svg>\n'
    )


def _bars(
    rows: Sequence[dict[str, Any]], works: Sequence[str], names: Sequence[str]
) -> Iterator[str]:
    most = max((row["rps"] for row in rows), default=1)
    top = 0
    for work in works:
        yield f'<text x="4" y="{top + 16}" font-weight="bold">{escape(work)}, requests/s</text>'
        top += GAP - 4
        for name, colour in zip(names, COLOURS, strict=False):
            own = [r["rps"] for r in rows if (r["work"], r["contender"]) == (work, name)]
            rps = statistics.median(own)
            width = (WIDTH - LABEL - 60) * rps / most
            y = top + BAR - 5
            yield f'<text x="{LABEL - 6}" y="{y}" text-anchor="end">{escape(name)}</text>'
            box = f'x="{LABEL}" y="{top}" width="{width:.0f}" height="{BAR - 3}"'
            yield f'<rect {box} fill="{colour}"/>'
            yield f'<text x="{LABEL + width + 5:.0f}" y="{y}">{rps:.0f}</text>'
            top += BAR
        top += 4
