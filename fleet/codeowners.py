"""Who owns a service, as the CODEOWNERS of its repository says it to GitHub or GitLab."""

import re
from contextlib import suppress

from pathspec import GitIgnoreSpec

from fleet.errors import FleetError
from fleet.repository import Repository

PLACES = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS")
LARGEST = 1 << 20
SECTION = re.compile(r"\^?\[(?P<name>[^]]+)\](\[\d+\])?(\s+(?P<owners>.*))?")
WORD = re.compile(r"(?:\\.|\S)+")
ANY = "anything"
"""A file that no pattern names: its owners are those of the whole folder."""


def owners(repository: Repository) -> list[str]:
    """The owners of a service's folder; none where no file names any, or it cannot be read."""
    found = repository.entries(repository.root, *PLACES)
    with suppress(FleetError):
        for place in PLACES:
            if place in found:
                text = repository.content(place, found[place], LARGEST)
                return owners_of(f"{repository.prefix}{ANY}", text.decode(errors="replace"))
    return []


def owners_of(path: str, text: str) -> list[str]:
    """The owners in the last line that matches, of each of GitLab's sections."""
    named: dict[str, list[str]] = {}
    section, default = "", list[str]()
    for line in text.splitlines():
        if header := SECTION.fullmatch(line.strip()):
            section, default = header["name"].casefold(), (header["owners"] or "").split()
            continue
        words = WORD.findall(re.sub(r"(^|\s)#.*", "", line))
        if words and _matches(words[0], path):
            named[section] = words[1:] or default
    return list(dict.fromkeys(owner for owners in named.values() for owner in owners))


def _matches(pattern: str, path: str) -> bool:
    try:
        return GitIgnoreSpec.from_lines([pattern]).match_file(path)
    except Exception:  # what the pattern's library raises, it does not say
        return False
