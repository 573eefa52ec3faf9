"""The pages of promises and of faults name all campaigns, and tests that exist."""

import re

from tests.faults.page import campaigns
from tests.support.services import ROOT


def test_every_test_that_the_page_of_promises_names_exists() -> None:
    page = (ROOT / "template" / "docs" / "promises.md").read_text()
    named = set(re.findall(r"\btest_\w+\b(?!\.py)", page))

    folders = ("template/tests", "tests/faults", "tests/served_service")
    files = [file for folder in folders for file in (ROOT / folder).rglob("*.py")]
    defined = {name for file in files for name in re.findall(r"def (test_\w+)", file.read_text())}
    assert named - defined == set()
    assert len(named) > 30


def test_every_fault_campaign_is_a_promise() -> None:
    page = (ROOT / "template" / "docs" / "promises.md").read_text()
    campaigns = {
        name
        for file in (ROOT / "tests" / "faults").glob("test_*.py")
        if file.name != "test_promises.py"
        for name in re.findall(r"^def (test_\w+)", file.read_text(), re.MULTILINE)
    }

    assert {name for name in campaigns if name not in page} == set()


def test_the_page_of_faults_has_each_figure_of_each_campaign() -> None:
    """`tests/faults/page.py` says how to write it anew."""
    page = (ROOT / "docs" / "faults.md").read_text()
    kept = {campaign.test: campaign for _, found in campaigns() for campaign in found}

    rows = re.findall(r"^\| .+ \| `(test_\w+)` \| (.+) \| (.+) \|$", page, re.MULTILINE)
    missing = {
        (test, name)
        for test, _, cell in rows
        for name in kept[test].names
        if f"{name}: " not in cell
    }

    assert {test for test, _, _ in rows} == set(kept)
    assert missing == set()
    assert [
        (test, size)
        for test, size, _ in rows
        if size not in ({"small", "full"} if kept[test].has_sizes else {"-"})
    ] == []
