"""Writes docs/faults.md from a run of the campaigns:

rm -f build/faults.jsonl
# After `make test-system`, once:
FIGURES=build/faults.jsonl uv run pytest tests/faults tests/containers tests/kubernetes --full
uv run python -m tests.faults.page build/faults.jsonl > docs/faults.md
"""

import ast
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.services import ROOT

PAGE = """# Faults

What `tests/faults`, and two tests with a cluster, did to a service in production, on a Postgres
of its own, and what came of it. [promises.md](../template/docs/promises.md) has the bounds, beyond
which a campaign fails. The figures are those of one run of each campaign, on two cores that others
used as well, in the [size](testing.md) that stands beside it; `-` has one size.
{tables}"""
TABLE = """
## {title}

| campaign | its test | size | figures |
| --- | --- | --- | --- |
{rows}
"""
Measured = dict[str, dict[str, Any]]


def read(file: Path) -> dict[str, Measured]:
    """What each test kept of each campaign. Where one ran twice, the last are kept."""
    figures: dict[str, Measured] = {}
    for line in file.read_text().splitlines():
        kept = json.loads(line)
        figures.setdefault(kept["test"], {})[kept["campaign"]] = kept
    return figures


@dataclass(frozen=True)
class Campaign:
    """A test, whether it has two sizes, and the names of the values that it keeps."""

    test: str
    has_sizes: bool
    names: set[str]


def campaigns() -> Iterator[tuple[str, list[Campaign]]]:
    """What each file of campaigns is about, and its campaigns."""
    others = ("tests/containers/test_cluster.py", "tests/kubernetes/test_restore.py")
    files = sorted((ROOT / "tests/faults").glob("test_*.py"))
    for file in [*files, *(ROOT / other for other in others)]:
        module = ast.parse(file.read_text())
        functions = [node for node in module.body if isinstance(node, ast.FunctionDef)]
        found = [campaign(test, calls) for test in functions if (calls := calls_of_figure(test))]
        if found:
            yield (ast.get_docstring(module) or "").partition(".")[0], found


def campaign(test: ast.FunctionDef, calls: list[ast.Call]) -> Campaign:
    takes = {argument.arg for argument in test.args.args}
    return Campaign(test.name, "full" in takes, set().union(*map(names, calls)))


def calls_of_figure(test: ast.FunctionDef) -> list[ast.Call]:
    return [
        node
        for node in ast.walk(test)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "figure"
    ]


def names(call: ast.Call) -> set[str]:
    return {readable(keyword.arg) for keyword in call.keywords if keyword.arg}


def readable(name: str) -> str:
    return name.replace("_", " ")


def rows(kept_by: Campaign, measured: Measured) -> Iterator[str]:
    for name, kept in sorted(measured.items()):
        size = kept["size"] if kept_by.has_sizes else "-"
        cell = "<br>".join(f"{readable(value)}: {v}" for value, v in kept["values"].items())
        yield f"| {name} | `{kept_by.test}` | {size} | {cell} |"


def page(file: Path) -> str:
    """A KeyError names a test of which the file has no figure."""
    figures = read(file)
    return PAGE.format(
        tables="".join(
            TABLE.format(
                title=title,
                rows="\n".join(row for one in found for row in rows(one, figures[one.test])),
            )
            for title, found in campaigns()
        )
    )


if __name__ == "__main__":
    sys.stdout.write(page(Path(sys.argv[1])))
