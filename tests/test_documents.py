"""Documents of this repository and of a service: each can be found, and each link resolves."""

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import services
from tests.support.markdown import broken_links, code_spans, links, prose

Render = Callable[..., Path]

DOCS = services.ROOT / "docs"
TEMPLATE = services.ROOT / "template"
"""Its pages are read where they are rendered."""
INDEX = DOCS / "README.md"
PATH = re.compile(r"(app|benchmarks|dev|docs|fleet|migrations|releases|template|tests)/[\w./-]+")
DECISIONS = sorted((DOCS / "decisions").iterdir())


def documents(folder: Path) -> list[Path]:
    """The Markdown files that git would take."""
    listed = services.git(folder, "ls-files", "--cached", "--others", "--exclude-standard")
    return [folder / name for name in listed.splitlines() if name.endswith(".md")]


def read_from_index() -> set[Path]:
    targets = (link for link in links(INDEX.read_text()) if not re.match(r"[a-z]+:", link))
    return {Path(os.path.normpath(DOCS / target)) for target in targets}


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    document = tmp_path / "README.md"
    document.write_text(
        '# A b\n[1](README.md) [2](#a-b) [3](https://x) [4](no.md) [5](#b) <img src="no.png">\n'
        "```\n# b\n[6](no.py)\n```\n"
    )

    assert broken_links(document) == ["no.md", "#b", "no.png"]


def test_every_relative_link_of_this_repository_resolves() -> None:
    found = [page for page in documents(services.ROOT) if not page.is_relative_to(TEMPLATE)]

    broken = {str(document): broken_links(document) for document in found}

    assert {document: links for document, links in broken.items() if links} == {}
    assert {services.ROOT / "README.md", INDEX} < set(found)


@pytest.mark.parametrize("answers", [{}, {"container": False, "ci": "none"}])
def test_every_relative_link_of_a_service_resolves(
    render: Render, answers: dict[str, object]
) -> None:
    service = render(**answers)

    broken = {str(document): broken_links(document) for document in service.rglob("*.md")}

    assert {document: links for document, links in broken.items() if links} == {}
    assert str(service / "README.md") in broken


def test_every_path_that_a_document_names_exists() -> None:
    pages = {*services.ROOT.glob("*.md"), *DOCS.rglob("*.md")} - {services.ROOT / "CHANGELOG.md"}
    named = {
        (page.name, word)
        for page in pages
        for span in code_spans(page.read_text())
        for word in span.split()
        if PATH.fullmatch(word) and "X.Y.Z" not in word
    }

    roots = (services.ROOT, TEMPLATE)
    missing = {name for name in named if not any((root / name[1]).exists() for root in roots)}

    assert len(named) > 10
    assert missing == set()


def test_the_index_names_every_document() -> None:
    folders = (DOCS, TEMPLATE, services.ROOT / "releases")
    pages = {page for folder in folders for page in folder.rglob("*.md")}
    pages |= set(services.ROOT.glob("*.md"))

    assert read_from_index() & pages == pages - {INDEX}


def test_every_document_begins_with_its_one_title() -> None:
    titles = {
        document: re.findall(r"^# (.*)$", prose(document.read_text()), re.MULTILINE)
        for document in documents(services.ROOT)
        if not document.is_relative_to(services.ROOT / ".github")
    }

    assert [document for document, found in titles.items() if len(found) != 1] == []


def test_each_decision_has_a_number_of_its_own() -> None:
    numbers = [file.name[:5] for file in DECISIONS]

    assert numbers == sorted(set(numbers))  # a number that was never used is no harm


@pytest.mark.parametrize("decision", DECISIONS, ids=lambda file: file.stem)
def test_a_decision_says_its_number_its_date_and_what_became_of_it(decision: Path) -> None:
    title, blank, status, *_ = decision.read_text().splitlines()

    assert title.startswith(f"# {decision.name[:4]} ")
    assert blank == ""
    assert re.fullmatch(r"\d{4}-\d\d-\d\d, (accepted|replaced by \[\d{4}\]\(.*\))\.", status)


def test_the_index_has_number_date_and_title_of_every_decision() -> None:
    rows = [line for line in INDEX.read_text().splitlines() if "](decisions/" in line]

    assert rows == [row(decision) for decision in DECISIONS]


def row(decision: Path) -> str:
    title, _, status, *_ = decision.read_text().splitlines()
    number = decision.name[:4]
    return f"| [{number}](decisions/{decision.name}) | {status[:10]} | {title[7:]} |"


def test_dates_of_decisions_never_go_back() -> None:
    dates = [decision.read_text().splitlines()[2][:10] for decision in DECISIONS]

    assert dates == sorted(dates)
