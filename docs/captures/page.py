"""A picture of the page that `fleet status --html` writes, by Debian's Chromium."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

from selenium.webdriver import Chrome, ChromeOptions, ChromeService

from fleet import html_report
from fleet.status import Status
from fleet.waivers import Waiver

TODAY = date(2026, 11, 24)
WIDTH, HEIGHT = 1500, 778
TEMPLATE = "https://example.org/template"


def service(name: str, version: str, behind: int, updated: date, *drift: str) -> Status:
    """A service as `fleet status` knows it."""
    return Status(
        path=name,
        name=name,
        template=TEMPLATE,
        version=version,
        behind=behind,
        updated=updated,
        answers={"ci": "gitlab", "postgres_version": 17},
        drift=list(drift),
        conflicts={},
    )


def example() -> list[Status]:
    """Nine services of one organization."""
    orders = service("orders", "v0.3.0", 1, date(2026, 9, 14), "Makefile")
    lamps = service("lamps", "v0.2.0", 2, date(2026, 3, 2), "compose.yaml")
    reason = "Waits for the new broker."
    lamps.waivers.append(Waiver(path="/compose.yaml", reason=reason, expires=date(2027, 3, 1)))
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
        file.write_text(html_report.html(example(), TODAY))
        size = {"width": WIDTH, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": False}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        driver.get(file.as_uri())
        png: bytes = driver.get_screenshot_as_png()
        return png
