"""Reads what releases moved: `releases/<version>/moves.toml` of a template.

The moves of the next release are in `releases/next/`.
"""

import re

from packaging.version import Version

from fleet.rewriting.moves import Moves
from fleet.template import Template

NEXT = "next"
FILE = re.compile(rf"releases/({NEXT}|v\d+(\.\d+)*)/moves\.toml")


def between(template: Template, before: str, after: str) -> list[Moves]:
    """The moves that a version has and an earlier one lacks, oldest release first."""
    told = {
        path: text
        for path in template.paths(after, "releases")
        if FILE.fullmatch(path)
        and (text := template.read(after, path)) != template.read(before, path)
    }
    return [Moves.parse(told[path], path) for path in sorted(told, key=_order)]


def _order(path: str) -> tuple[bool, Version]:
    """By version; the next release comes last."""
    folder = path.split("/")[1]
    return (True, Version("0")) if folder == NEXT else (False, Version(folder))
