"""Writes docs/updates.md from a run of the matrix:

uv run pytest tests/update_matrix/test_matrix.py --full --junitxml build/matrix.xml
uv run python -m tests.update_matrix.page build/matrix.xml > docs/updates.md
"""

import re
import statistics
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator

from tests.support import history
from tests.support.edits import EDITS, Edit

PAGE = """# Tested updates

From every release, with every preset of answers, after every edit, to the newest version by
`fleet`; from the first release with default answers also by plain `copier update`. A case passes
when there are no conflicts, the edit is there byte for byte, the answers are as they were, and all
else is byte for byte what a fresh copy with that edit is. Each cell tells how many presets pass.

{table}

{cases} cases, {passed} passed; {seconds:.2f} s per case (median, in parallel on two cores).
The seeds of {seeds} pass `make check test` on the core of the newest version.

The presets {presets} are in [releases/](../releases).
`make test` makes all edits in three services of each release, with one preset each;
`make test-full` tries all cases.
"""
CASE = re.compile(r"fresh_service\[(?P<release>v[\d.]+)-(?P<preset>\w+)-(?P<edit>\w+)\]")


def page(junit: str) -> str:
    results = dict(read(junit))
    releases = history.releases()
    passed = sum(ok for ok, _ in results.values())
    return PAGE.format(
        table="\n".join(rows(releases, results)),
        cases=len(results),
        passed=passed,
        seconds=statistics.median(seconds for _, seconds in results.values()),
        seeds=", ".join(release.version for release in releases),
        presets=", ".join(releases[-1].presets),
    )


def read(junit: str) -> Iterator[tuple[tuple[str, str, str], tuple[bool, float]]]:
    """Release, preset and edit of each case; whether it passed, and its seconds."""
    for case in ET.parse(junit).iter("testcase"):
        if found := CASE.search(case.get("name", "")):
            failed = case.find("failure") is not None or case.find("error") is not None
            key = (found["release"], found["preset"], found["edit"])
            yield key, (not failed, float(case.get("time", "0")))


def rows(
    releases: list[history.Release], results: dict[tuple[str, str, str], tuple[bool, float]]
) -> Iterator[str]:
    names = [release.version for release in releases]
    yield f"| what a person did | {' | '.join(names)} |"
    yield f"| --- |{' --- |' * len(names)}"
    for edit in EDITS:
        cells = [cell(release, edit, results) for release in releases]
        yield f"| {edit.__name__.replace('_', ' ')} | {' | '.join(cells)} |"


def cell(
    release: history.Release,
    edit: Edit,
    results: dict[tuple[str, str, str], tuple[bool, float]],
) -> str:
    passed = sum(results[release.version, preset, edit.__name__][0] for preset in release.presets)
    return f"{passed} of {len(release.presets)}"


if __name__ == "__main__":
    sys.stdout.write(page(sys.argv[1]))
