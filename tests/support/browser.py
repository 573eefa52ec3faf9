"""Debian's Chromium, which `make test-system` installs."""

from collections.abc import Iterator
from contextlib import contextmanager

from selenium.webdriver import Chrome, ChromeOptions, ChromeService

ALWAYS = ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage")


@contextmanager
def chromium(*arguments: str) -> Iterator[Chrome]:
    """It logs what it is asked to load, and what it says on its console."""
    options = ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for argument in (*ALWAYS, *arguments):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = Chrome(options, ChromeService("/usr/bin/chromedriver"))
    try:
        yield driver
    finally:
        driver.quit()


def log(browser: Chrome, name: str) -> list[dict[str, str]]:
    entries: list[dict[str, str]] = browser.get_log(name)  # type: ignore[no-untyped-call] # theirs
    return entries
