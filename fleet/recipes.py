"""The recipes of an UPGRADING.md: manual steps for services, release by release.

A recipe is a bullet below a heading such as `### To 1.2.0`. If it begins with `*(ci: gitlab)*`, it
applies only to services with that answer.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

HEADING = re.compile(r"^### (?=To \d)", re.MULTILINE)
BULLET = re.compile(r"^(?=- )", re.MULTILINE)
CONDITION = re.compile(r"^- \*\((\w+): ([^)*]+)\)\* ")
END = re.compile(r"^#{1,2} ", re.MULTILINE)


def between(old: str, new: str, answers: Mapping[str, Any]) -> str:
    """The new text's additional sections, without the recipes for other answers."""
    known = _sections(old)
    sections = {
        heading: "".join(_applicable(text, answers))
        for heading, text in _sections(new).items()
        if heading not in known
    }
    return "\n\n".join(
        f"## {heading}\n\n{text.strip()}" for heading, text in sections.items() if text
    )


def _sections(text: str) -> dict[str, str]:
    """Each heading, such as `To 1.2.0`, and the text below it."""
    parts = (END.split(part)[0].partition("\n") for part in HEADING.split(text)[1:])
    return {heading.strip(): body for heading, _, body in parts}


def _applicable(text: str, answers: Mapping[str, Any]) -> Iterator[str]:
    for bullet in BULLET.split(text)[1:]:
        condition = CONDITION.match(bullet)
        if condition is None or answers.get(condition[1]) == yaml.safe_load(condition[2]):
            yield bullet
