"""The report of `fleet status --html` in Chromium: by mouse, by keyboard, and by axe."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from selenium.webdriver import Chrome, Keys
from selenium.webdriver.common.by import By

from fleet.html_report import Page, html
from tests.fleet.reports import FLEET, HOSTILE, page
from tests.support.browser import chromium, log
from tests.support.services import ROOT

pytestmark = pytest.mark.system

AXE = ROOT / "build/axe/package/axe.min.js"
OWNER, VERSION = 2, 3
"""Numbers of columns."""


@pytest.fixture
def browser() -> Iterator[Chrome]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def address(browser: Chrome, tmp_path: Path) -> str:
    """Of the report, which the browser shows."""
    return shown(browser, tmp_path / "report.html", page())


def shown(browser: Chrome, file: Path, page: Page) -> str:
    file.write_text(html(page))
    browser.get(file.as_uri())
    return file.as_uri()


def column(browser: Chrome, number: int) -> list[str]:
    cells = browser.find_elements(By.CSS_SELECTOR, f"#services tbody tr > :nth-child({number})")
    return [cell.text for cell in cells if cell.is_displayed()]


def sorted_by(browser: Chrome) -> list[tuple[str, str | None]]:
    headers = browser.find_elements(By.CSS_SELECTOR, "th[aria-sort]")
    return [(header.text.split()[0], header.get_attribute("aria-sort")) for header in headers]


def said(browser: Chrome) -> str:
    return browser.find_element(By.CSS_SELECTOR, "[role=status]").text


def press(browser: Chrome, keys: str) -> None:
    browser.switch_to.active_element.send_keys(keys)


@pytest.mark.usefixtures("address")
def test_a_click_on_a_header_sorts_and_a_second_one_turns_the_order(browser: Chrome) -> None:
    version = browser.find_elements(By.CSS_SELECTOR, "#services th button")[VERSION - 1]

    version.click()
    once = (column(browser, VERSION), sorted_by(browser))
    version.click()
    twice = (column(browser, VERSION), sorted_by(browser))

    assert once == (["v1.2.0", "v1.9.0", "v1.9.0", "v1.10.0"], [("Version", "ascending")])
    assert twice == (["v1.10.0", "v1.9.0", "v1.9.0", "v1.2.0"], [("Version", "descending")])


@pytest.mark.usefixtures("address")
def test_the_keyboard_does_all_that_a_mouse_does(browser: Chrome) -> None:
    browser.find_element(By.CSS_SELECTOR, "[data-mark=behind]").send_keys(Keys.SPACE)
    behind = (column(browser, 1), said(browser))
    browser.find_element(By.ID, "filter").send_keys("DOORS acme")
    one = (column(browser, 1), said(browser))
    press(browser, Keys.TAB)
    press(browser, Keys.ENTER)  # opens the choice of columns
    press(browser, Keys.TAB)
    press(browser, Keys.SPACE)
    without_owner = column(browser, OWNER)
    browser.find_elements(By.CSS_SELECTOR, "#services th button")[0].send_keys(Keys.ENTER)

    assert behind == (["lamps", "books", "doors"], "3 of 4 services.")
    assert one == (["doors"], "1 of 4 services.")
    assert without_owner == []
    assert said(browser) == "Sorted by Service, ascending."


@pytest.mark.usefixtures("address")
def test_a_bookmark_keeps_the_filter_and_the_columns(browser: Chrome) -> None:
    browser.find_element(By.ID, "filter").send_keys("lamps")
    browser.find_element(By.CSS_SELECTOR, "summary ~ fieldset").find_element(By.XPATH, "..").click()
    for title in ("Owner", "Path"):
        browser.find_element(By.CSS_SELECTOR, f"input[value={title}]").click()
    kept = browser.current_url

    browser.get("about:blank")
    browser.get(kept)

    titles = browser.find_elements(By.CSS_SELECTOR, "#services thead th")
    visible = [title.text for title in titles if title.is_displayed()]
    assert column(browser, 1) == ["lamps"]
    assert "Owner" not in visible
    assert visible[-1] == "Path"


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


@pytest.mark.usefixtures("address")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1500, 320])
def test_axe_finds_nothing_that_keeps_people_out(browser: Chrome, scheme: str, width: int) -> None:
    feature = {"name": "prefers-color-scheme", "value": scheme}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.execute_script("document.querySelectorAll('details').forEach(one => one.open = true)")
    browser.find_element(By.CSS_SELECTOR, "[data-mark=behind]").click()

    browser.execute_script(AXE.read_text())
    found = browser.execute_async_script(
        "const done = arguments[0];"
        "axe.run().then(found => done(found.violations.map(one =>"
        " [one.id, one.nodes.map(node => node.target.join(' '))])))"
    )

    assert found == []


@pytest.mark.usefixtures("address")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_bars_stand_out_in_light_and_dark(browser: Chrome, scheme: str) -> None:
    feature = {"name": "prefers-color-scheme", "value": scheme}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
    script = (
        "const probe = document.body.appendChild(document.createElement('p'));"
        "probe.style.color = 'Canvas';"
        "return [getComputedStyle(probe).color,"
        " getComputedStyle(document.querySelector('figure > svg rect')).fill]"
    )

    background, bar = [luminance(colour) for colour in browser.execute_script(script)]

    assert contrast(background, bar) >= 3  # WCAG 2.2, 1.4.11; axe looks at text only


def test_a_thousand_services_take_less_than_a_second_of_the_browser(
    browser: Chrome, tmp_path: Path
) -> None:
    answers = {f"question_{number}": f"answer {number}" for number in range(20)}
    fleet = [
        replace(FLEET[number % 4], path=f"services/{number}", answers=answers)
        for number in range(1000)
    ]
    metrics = {"timeDomain": "threadTicks"}  # time of the processor: others may keep it busy
    browser.execute_cdp_cmd("Performance.enable", metrics)

    shown(browser, tmp_path / "report.html", replace(page(), fleet=fleet))

    told = browser.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
    [seconds] = [metric["value"] for metric in told if metric["name"] == "TaskDuration"]
    assert len(browser.find_elements(By.CSS_SELECTOR, "#services tbody tr")) == 1000

    assert seconds < 1


def luminance(colour: str) -> float:
    """WCAG 2.2, "relative luminance", of `rgb(1, 2, 3)`."""
    parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: float, other: float) -> float:
    return (max(one, other) + 0.05) / (min(one, other) + 0.05)
