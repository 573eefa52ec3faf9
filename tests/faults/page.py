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
from pathlib import Path

from tests.support.services import ROOT

PAGE = """# Faults

What `tests/faults`, and two tests with a cluster, did to a service in production, on a Postgres
of its own, and what came of it. [promises.md](../template/docs/promises.md) has the bounds, beyond
which a campaign fails. The figures are those of one run of each campaign, in full or in small size,
on two cores that others used as well.
{tables}"""
TABLE = """
## {title}

| campaign | its test | figures |
| --- | --- | --- |
{rows}
"""
Figures = dict[str, dict[str, dict[str, float | str]]]


def read(file: Path) -> Figures:
    """The values of each campaign of each test. Where one ran twice, the last are kept."""
    figures: Figures = {}
    for line in file.read_text().splitlines():
        kept = json.loads(line)
        figures.setdefault(kept["test"], {})[kept["campaign"]] = kept["values"]
    return figures


def campaigns() -> Iterator[tuple[str, dict[str, set[str]]]]:
    """What each file of campaigns is about, and the names of the values that its tests keep."""
    others = ("tests/containers/test_cluster.py", "tests/kubernetes/test_restore.py")
    files = sorted((ROOT / "tests/faults").glob("test_*.py"))
    for file in [*files, *(ROOT / other for other in others)]:
        module = ast.parse(file.read_text())
        functions = [node for node in module.body if isinstance(node, ast.FunctionDef)]
        kept = {test.name: calls for test in functions if (calls := calls_of_figure(test))}
        if kept:
            title = (ast.get_docstring(module) or "").partition(".")[0]
            yield title, {test: set().union(*map(names, calls)) for test, calls in kept.items()}


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


def rows(test: str, measured: dict[str, dict[str, float | str]]) -> Iterator[str]:
    for campaign, values in sorted(measured.items()):
        cell = "<br>".join(f"{readable(name)}: {v}" for name, v in values.items())
        yield f"| {campaign} | `{test}` | {cell} |"


def page(file: Path) -> str:
    """A KeyError names a test of which the file has no figure."""
    figures = read(file)
    return PAGE.format(
        tables="".join(
            TABLE.format(
                title=title,
                rows="\n".join(row for test in tests for row in rows(test, figures[test])),
            )
            for title, tests in campaigns()
        )
    )


if __name__ == "__main__":
    sys.stdout.write(page(Path(sys.argv[1])))
