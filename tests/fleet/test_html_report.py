"""The report of `fleet status --html`, as text; test_report_in_a_browser.py shows it."""

import re
from datetime import date
from html.parser import HTMLParser
from pathlib import Path

import pytest

from fleet.history import Adoption
from fleet.html_report import Page, ages, html, layers, versions
from tests.fleet.conftest import Fleet
from tests.fleet.reports import FLEET, REFUSED, TODAY, page


class Read(HTMLParser):
    """What a browser would make of a page: its elements and their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs


def test_the_page_names_no_address_to_load_from_and_no_markup_of_others() -> None:
    text = html(page())
    read = Read(text)

    loads = re.findall(r"(?:src|action|data)=|url\(|@import|fetch\(|import ", text)
    links = {value for name, value in read.attributes if name == "href"}
    assert loads == []
    assert links == {"data:,", "#unreadable", "https://example.org/acme/lamps"}
    assert [name for name, _ in read.attributes if name.startswith("on")] == []
    assert read.tags.count("script") == text.count("<script") == 1
    assert "&lt;script&gt;document.title" in text


def test_what_is_not_printable_is_not_on_the_page() -> None:
    odd = Page([FLEET[0].__class__(path="a\u202eb", name="n\udce9", error="e\x1b")], TODAY)

    text = html(odd)

    assert text.encode()
    assert "a�b: e�" in text


def test_versions_and_ages_are_counted() -> None:
    assert versions(FLEET) == [("v1.10.0", 1), ("v1.9.0", 2), ("v1.2.0", 1)]
    assert ages(FLEET, TODAY) == [
        ("up to 30 days", 1),
        ("31 to 90 days", 1),
        ("more than a year", 1),
        ("not committed", 1),
    ]


def test_the_totals_come_first() -> None:
    assert page().totals == [
        ("on the newest release", "newest", 1),
        ("behind", "behind", 3),
        ("drifted", "drifted", 2),
        ("with an open branch", "branch", 1),
        ("against the policy", "finding", 4),
        ("with a waiver that ends soon", "ending", 2),
        ("unreadable", "unreadable", 1),
    ]
    assert page().newest == [("https://example.org/template", "v1.10.0")]


def test_waivers_that_end_soon_are_listed_by_their_end() -> None:
    told = [(each.service.name, each.days) for each in page().ending]

    assert told == [("lamps", -180), ("doors", 29)]


def test_what_nobody_asked_for_has_no_column() -> None:
    plain = [one.__class__(path="a", name="a", behind=0) for one in FLEET[:1]]

    columns = Page(plain, TODAY).columns

    assert {"Findings", "Conflicts"} & {*columns} == set()
    assert {"Findings", "Conflicts"} <= {*page().columns}


def test_the_layers_of_the_chart_lie_upon_each_other() -> None:
    days = [date(2026, 1, 1), date(2026, 1, 11)]

    areas = layers(Adoption(days, {"v2": [0, 3], "v1": [4, 1]}))

    assert areas == {"v2": "0,120 480,30 480,120 0,120", "v1": "0,0 480,0 480,30 0,120"}


def test_a_fleet_of_bad_services_only_is_a_page_too() -> None:
    text = html(Page([REFUSED], TODAY))

    assert "0 services, and 1 that cannot be read." in text


@pytest.mark.slow
def test_the_command_writes_the_page(fleet: Fleet, lamps: Path) -> None:
    run = fleet(lamps, "status", ".", "--html", "report.html")

    assert run.code == 0
    assert '<th scope="row">lamps</th>' in (lamps / "report.html").read_text()


@pytest.mark.slow
def test_the_page_shows_what_a_policy_finds(fleet: Fleet, lamps: Path) -> None:
    (lamps / "policy.toml").write_text('minimum_version = "v2.0.0"\n')

    run = fleet(lamps, "status", ".", "--html", "report.html", "--policy", "policy.toml")

    said = "FLT003 lamps is at v1.0.0; the minimum is v2.0.0."
    assert run.code == 0
    assert f'<li class="bad">{said}</li>' in (lamps / "report.html").read_text()


@pytest.mark.slow
def test_a_policy_without_a_page_is_refused(fleet: Fleet, lamps: Path) -> None:
    run = fleet(lamps, "status", ".", "--policy", "policy.toml")

    assert (run.code, run.errors) == (
        1,
        "fleet: --policy is shown in the report: add --html, or run `fleet policy`.\n",
    )


@pytest.mark.slow
def test_a_page_that_cannot_be_written_is_told(fleet: Fleet, lamps: Path) -> None:
    run = fleet(lamps, "status", ".", "--html", "missing/report.html")

    assert (run.code, run.errors) == (
        1,
        "fleet: missing/report.html cannot be written: No such file or directory.\n",
    )
