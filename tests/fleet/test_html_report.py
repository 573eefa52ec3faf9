"""The report of `fleet status --html`, as text and in a browser."""

import json
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from selenium.webdriver import Chrome, Keys
from selenium.webdriver.common.by import By

from fleet import html_report
from fleet.status import Status
from fleet.waivers import Waiver
from tests.fleet.conftest import Fleet
from tests.support.browser import chromium, log

TODAY = date(2026, 6, 30)
HOSTILE = "<script>document.title = 'hacked'</script>"
FLEET = [
    Status(
        path=name,
        name=name,
        template="https://example.org/template",
        version=version,
        behind=behind,
        updated=updated,
        answers={"port": 8000, "description": HOSTILE},
        drift=["Makefile", "dev/run.py"],
        waivers=[Waiver(path="/dev/", reason=HOSTILE, expires=date(2026, 1, 1))],
        conflicts={"pyproject.toml": "changed here, removed by the template"},
    )
    for name, version, behind, updated in [
        ("lamps", "v1.9.0", 1, date(2026, 6, 1)),
        (HOSTILE, "v1.10.0", 0, None),
        ("books", "v1.2.0", 8, date(2025, 1, 1)),
        ("doors", "v1.9.0", 1, date(2026, 5, 1)),
    ]
]
REFUSED = Status(path="shop", name="shop", error=f"shop is not a service: {HOSTILE}")


def test_the_page_names_no_address_to_load_from_and_no_markup_of_others() -> None:
    text = html_report.html([*FLEET, REFUSED], TODAY)

    loads = re.findall(r"(?:src|href|action|data)=\"?([^\"\s>]+)|url\(|@import|fetch\(", text)
    assert loads == ["data:,"]
    assert text.count("<script>") == 1
    assert "&lt;script&gt;document.title" in text


def test_versions_and_ages_are_counted() -> None:
    versions, ages = html_report.versions(FLEET), html_report.ages(FLEET, TODAY)

    assert versions == [("v1.10.0", 1), ("v1.9.0", 2), ("v1.2.0", 1)]
    assert ages == [
        ("up to 30 days", 1),
        ("31 to 90 days", 1),
        ("more than a year", 1),
        ("not committed", 1),
    ]


def test_a_fleet_of_bad_services_only_is_a_page_too() -> None:
    text = html_report.html([REFUSED], TODAY)

    assert "0 services, and 1 that cannot be read." in text


@pytest.mark.slow
def test_the_command_writes_the_page(fleet: Fleet, lamps: Path) -> None:
    run = fleet(lamps, "status", ".", "--html", "report.html")

    assert run.code == 0
    assert "<td>lamps</td>" in (lamps / "report.html").read_text()


@pytest.mark.slow
def test_a_page_that_cannot_be_written_is_told(fleet: Fleet, lamps: Path) -> None:
    run = fleet(lamps, "status", ".", "--html", "missing/report.html")

    assert (run.code, run.errors) == (
        1,
        "fleet: missing/report.html cannot be written: No such file or directory.\n",
    )


@pytest.fixture
def browser() -> Iterator[Chrome]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def address(browser: Chrome, tmp_path: Path) -> str:
    """Of the report, which the browser shows."""
    file = tmp_path / "report.html"
    file.write_text(html_report.html([*FLEET, REFUSED], TODAY))
    browser.get(file.as_uri())
    return file.as_uri()


def column(browser: Chrome, number: int) -> list[str]:
    cells = browser.find_elements(By.CSS_SELECTOR, f"tbody tr td:nth-child({number})")
    return [cell.text for cell in cells]


def sorted_by(browser: Chrome) -> list[tuple[str, str | None]]:
    headers = browser.find_elements(By.CSS_SELECTOR, "th[aria-sort]")
    return [(header.text.split()[0], header.get_attribute("aria-sort")) for header in headers]


@pytest.mark.system
@pytest.mark.usefixtures("address")
def test_a_click_on_a_header_sorts_and_a_second_one_turns_the_order(browser: Chrome) -> None:
    _, version, *_ = browser.find_elements(By.CSS_SELECTOR, "th button")

    version.click()
    once = (column(browser, 2), sorted_by(browser))
    version.click()
    twice = (column(browser, 2), sorted_by(browser))

    assert once == (["v1.2.0", "v1.9.0", "v1.9.0", "v1.10.0"], [("Version", "ascending")])
    assert twice == (["v1.10.0", "v1.9.0", "v1.9.0", "v1.2.0"], [("Version", "descending")])


@pytest.mark.system
@pytest.mark.usefixtures("address")
def test_the_keyboard_sorts_too_and_the_order_is_announced(browser: Chrome) -> None:
    browser.find_element(By.TAG_NAME, "body").send_keys(Keys.TAB)

    browser.switch_to.active_element.send_keys(Keys.ENTER)
    browser.switch_to.active_element.send_keys(Keys.TAB + Keys.ENTER)

    assert column(browser, 1) == ["books", "doors", "lamps", HOSTILE]
    assert sorted_by(browser) == [("Version", "ascending")]
    announced = browser.find_element(By.CSS_SELECTOR, "[role=status]").text
    assert announced == "Sorted by Version, ascending."


@pytest.mark.system
def test_hostile_names_are_text_and_nothing_is_loaded_or_wrong(
    browser: Chrome, address: str
) -> None:
    events = [json.loads(entry["message"])["message"] for entry in log(browser, "performance")]
    requests = [
        event["params"]["request"]["url"]
        for event in events
        if event["method"] == "Network.requestWillBeSent"
    ]

    assert HOSTILE in column(browser, 1)
    assert browser.title == "Fleet, 2026-06-30"
    assert [url for url in requests if not url.startswith("data:")] == [address]
    assert log(browser, "browser") == []


@pytest.mark.system
@pytest.mark.usefixtures("address")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_and_bars_stand_out_in_light_and_dark(browser: Chrome, scheme: str) -> None:
    feature = {"name": "prefers-color-scheme", "value": scheme}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
    script = (
        "const style = (selector, name) =>"
        " getComputedStyle(document.querySelector(selector))[name];"
        "const probe = document.body.appendChild(document.createElement('p'));"
        "probe.style.color = 'Canvas';"
        "return [getComputedStyle(probe).color, style('td', 'color'), style('rect', 'fill'),"
        " style('.bad', 'color')]"
    )

    background, *colours = [luminance(colour) for colour in browser.execute_script(script)]

    ratios = [contrast(background, colour) for colour in colours]
    assert min(ratios) >= 4.5  # WCAG 2.2, 1.4.3


def luminance(colour: str) -> float:
    """WCAG 2.2, "relative luminance", of `rgb(1, 2, 3)`."""
    parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: float, other: float) -> float:
    return (max(one, other) + 0.05) / (min(one, other) + 0.05)
