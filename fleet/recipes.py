"""What people have to do by hand between two versions: the recipes of UPGRADING.md.

`### To 1.2.0` has one in each bullet. `- *(ci: gitlab)* ...` is for services with that answer only.
"""

import re
from collections.abc import Mapping
from typing import Any

import yaml

FILE = "UPGRADING.md"
SECTION = re.compile(r"^### (To \S+)\n(.*?)(?=^#|\Z)", re.MULTILINE | re.DOTALL)
BULLET = re.compile(r"^- (.*(?:\n  .*|\n(?=\n  ))*)", re.MULTILINE)
CONDITION = re.compile(r"\*\((\w+): ([^)]+)\)\*\s+")


def between(old: str, new: str, *, answers: Mapping[str, Any]) -> list[str]:
    """The recipes of versions that the old text does not know, for a service with these answers."""
    known = [heading for heading, _ in SECTION.findall(old)]
    sections = [text for heading, text in SECTION.findall(new) if heading not in known]
    bullets = [bullet.strip() for text in reversed(sections) for bullet in BULLET.findall(text)]
    return [CONDITION.sub("", it, count=1) for it in bullets if _applies(it, answers)]


def _applies(bullet: str, answers: Mapping[str, Any]) -> bool:
    condition = CONDITION.match(bullet)
    if not condition:
        return True
    values = [yaml.safe_load(value) for value in condition[2].split(",")]
    return answers.get(condition[1]) in values
