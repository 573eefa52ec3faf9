"""Reads Markdown: what a document says in prose, in code blocks and in links."""

import re
from pathlib import Path

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)[^)]*\)|(?:src|href)=\"([^\"]+)\"")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


def prose(text: str) -> str:
    """The text without its fenced blocks."""
    return FENCE.sub("", text)


def section(text: str, heading: str) -> str:
    """The text below a heading of the second level, up to the next one."""
    assert f"\n## {heading}\n" in text, f"There is no section {heading}."
    return text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def blocks(text: str, language: str) -> list[str]:
    """The fenced blocks in a language."""
    return [content for name, content in FENCE.findall(text) if name == language]


def code_spans(text: str) -> list[str]:
    """What stands in backticks, line breaks read as spaces."""
    return [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", prose(text))]


def links(text: str) -> list[str]:
    """The targets of links and pictures."""
    return [one or other for one, other in LINK.findall(prose(text))]


def anchor(heading: str) -> str:
    """The fragment that GitHub gives to a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def broken_links(document: Path) -> list[str]:
    """The relative links to files that do not exist, and to headings that are not there."""
    return [
        link
        for link in links(document.read_text())
        if not re.match(r"[a-z]+:", link) and not resolves(document, link)
    ]


def resolves(document: Path, link: str) -> bool:
    path, _, fragment = link.partition("#")
    target = document.parent / path if path else document
    if not target.exists():
        return False
    return not fragment or fragment in map(anchor, HEADING.findall(prose(target.read_text())))
