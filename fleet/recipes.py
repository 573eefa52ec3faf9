"""The recipes of an UPGRADING.md: manual steps for services, release by release and by answer.

A recipe is a bullet below a heading such as `### To 1.2.0`. If it begins with `*(ci: gitlab)*`, it
applies only to services with that answer. Below `### When ci becomes gitlab` are those for a change
of an answer.
"""

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

import yaml

HEADING = re.compile(r"^### (?=To \d|When )", re.MULTILINE)
CHANGE = re.compile(r"When (\w+) becomes (.+)")
BULLET = re.compile(r"^(?=- )", re.MULTILINE)
CONDITION = re.compile(r"^- \*\((\w+): ([^)*]+)\)\* ")
END = re.compile(r"^#{1,2} ", re.MULTILINE)
NO_DATA: Mapping[str, Any] = MappingProxyType({})


def between(
    old: str, new: str, answers: Mapping[str, Any], data: Mapping[str, Any] = NO_DATA
) -> str:
    """The new text's additional sections, without the recipes for other answers.

    `data` are answers that the update changes.
    """
    known = _sections(old)
    after = {**answers, **data}
    sections = {
        heading: "".join(_applicable(text, after))
        for heading, text in _sections(new).items()
        if (heading not in known if heading.startswith("To ") else _is_due(heading, answers, data))
    }
    return "\n\n".join(
        f"## {heading}\n\n{text.strip()}" for heading, text in sections.items() if text
    )


def _is_due(heading: str, answers: Mapping[str, Any], data: Mapping[str, Any]) -> bool:
    """Whether the update makes the change of an answer that the heading names."""
    change = CHANGE.fullmatch(heading)
    if not change or change[1] not in data:
        return False
    return bool(data[change[1]] == yaml.safe_load(change[2]) != answers.get(change[1]))


def _sections(text: str) -> dict[str, str]:
    """Each heading, such as `To 1.2.0`, and the text below it."""
    parts = (END.split(part)[0].partition("\n") for part in HEADING.split(text)[1:])
    return {heading.strip(): body for heading, _, body in parts}


def _applicable(text: str, answers: Mapping[str, Any]) -> Iterator[str]:
    for bullet in BULLET.split(text)[1:]:
        condition = CONDITION.match(bullet)
        if condition is None or answers.get(condition[1]) == yaml.safe_load(condition[2]):
            yield bullet
