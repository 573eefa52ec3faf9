"""The sections of a CHANGELOG.md in the form of Keep a Changelog."""

import re

HEADING = re.compile(r"^## (?=\[)", re.MULTILINE)


def sections(text: str) -> dict[str, str]:
    """Each version's heading, such as `[1.2.0] - 2026-11-22`, and the text below it."""
    parts = [part.partition("\n") for part in HEADING.split(text)[1:]]
    return {heading.strip(): body.strip() for heading, _, body in parts}


def between(old: str, new: str) -> str:
    """The new text's sections that are missing from the old text or differ from it."""
    known = sections(old)
    return "\n\n".join(
        f"## {heading}\n\n{body}"
        for heading, body in sections(new).items()
        if body and known.get(heading) != body
    )
