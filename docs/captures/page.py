"""A picture of the page that `fleet status --html` writes, by Debian's Chromium."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from selenium.webdriver import Chrome, ChromeOptions, ChromeService

from fleet.history import adoption, keep
from fleet.html_report import Page, html
from fleet.output import as_json
from fleet.policy import Policy, check
from fleet.status import Status
from fleet.waivers import Waiver

TODAY = date(2026, 11, 24)
WIDTH, HEIGHT = 1500, 1000
TEMPLATE = "https://example.org/template"
TEAMS = {"payments": "money", "orders": "money", "invoices": "money", "search": "web"}


POLICY = Policy(minimum_version="v0.3.0")


def service(name: str, version: str, behind: int, since: date, *drift: str) -> Status:
    """A service as `fleet status` knows it."""
    return Status(
        path=name,
        name=name,
        template=TEMPLATE,
        version=version,
        release=version,
        newest="v0.4.0",
        behind=behind,
        version_since=since,
        committed=max(since, date(2026, 11, 17)),
        owners=[f"@acme/{TEAMS.get(name, 'platform')}"],
        repository=f"https://example.org/acme/{name}",
        branches=["template-update/v0.4.0"] if behind else [],
        answers={"ci": "gitlab", "postgres_version": 17},
        drift=list(drift),
        conflicts={},
    )


def example() -> list[Status]:
    """Nine services of one organization."""
    orders = service("orders", "v0.3.0", 1, date(2026, 9, 14), "Makefile")
    lamps = service("lamps", "v0.2.0", 2, date(2026, 3, 2), "compose.yaml")
    reason = "Waits for the new broker."
    lamps.waivers.append(Waiver(path="/compose.yaml", reason=reason, expires=date(2026, 12, 8)))
    assert lamps.conflicts is not None
    lamps.conflicts["README.md"] = "changed here and in the template, in the same lines"
    return [
        service("payments", "v0.4.0", 0, date(2026, 11, 20)),
        orders,
        lamps,
        service("accounts", "v0.4.0", 0, date(2026, 11, 16)),
        service("catalogue", "v0.4.0", 0, date(2026, 11, 9)),
        service("invoices", "v0.4.0", 0, date(2026, 10, 1)),
        service("mail", "v0.3.0", 1, date(2026, 8, 23)),
        service("search", "v0.3.0", 1, date(2026, 8, 3)),
        service("stock", "v0.4.0", 0, date(2026, 11, 23)),
    ]


def keep_history(folder: Path) -> None:
    """A report for every week of a year, as if each service had been on its release since the
    day of its update, and on the release before until then."""
    for week in range(52, -1, -1):
        day = TODAY - timedelta(weeks=week)
        then = [replace(one, release=_release(one, day)) for one in example()]
        keep(folder, day, as_json(day, then))


def _release(one: Status, day: date) -> str:
    assert one.version_since
    assert one.release
    months = max(0, (one.version_since - day).days) // 30
    number = int(one.release[3])
    return one.release if day >= one.version_since else f"v0.{max(1, number - 1 - months // 3)}.0"


def page(folder: Path) -> Page:
    """What is pictured; the folder is filled with reports."""
    keep_history(folder)
    fleet = example()
    findings = {one.path: check(one, POLICY, TODAY) for one in fleet}
    return Page(fleet, TODAY, findings, adoption(folder))


@contextmanager
def browser() -> Iterator[Chrome]:
    options = ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--hide-scrollbars",
    ):
        options.add_argument(argument)
    driver = Chrome(options, ChromeService("/usr/bin/chromedriver"))
    try:
        yield driver
    finally:
        driver.quit()


def screenshot() -> bytes:
    """The upper part of the page, in light colours."""
    with TemporaryDirectory() as folder, browser() as driver:
        file = Path(folder, "report.html")
        file.write_text(html(page(Path(folder, "history"))))
        size = {"width": WIDTH, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": False}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        driver.get(file.as_uri())
        png: bytes = driver.get_screenshot_as_png()
        return png
