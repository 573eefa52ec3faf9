"""The pages of the docs work without internet, in a browser that obeys their policy."""

import json
from collections.abc import Callable, Iterator

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from tests.served_service.conftest import Serve
from tests.support.browser import chromium, log
from tests.support.serving import Served

pytestmark = [pytest.mark.slow, pytest.mark.system]

SECONDS = 60
LOGO = "https://cdn.redoc.ly/redoc/logo-mini.svg"  # ReDoc asks for it; the policy says no
STATUS = ".live-responses-table tbody .response-col_status"
OPERATION = "[data-section-id^='operation/']"


@pytest.fixture
def browser() -> Iterator[Chrome]:
    """A browser without internet."""
    with chromium("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1") as browser:
        yield browser


@pytest.fixture(scope="module")
def documented(serve: Serve, migrated: Callable[[], str]) -> Iterator[Served]:
    with serve("uvicorn", POSTGRES_URL=migrated(), DOCS="true") as served:
        served.wait_until_it_answers("/health/ready")
        yield served


def wait_for(browser: Chrome, selector: str) -> None:
    WebDriverWait(browser, SECONDS).until(lambda b: b.find_elements(By.CSS_SELECTOR, selector))


def failed(browser: Chrome) -> list[str]:
    """What the browser has not loaded, by kind, and what it says on its console."""
    events = [json.loads(entry["message"])["message"] for entry in log(browser, "performance")]
    lost = [event["params"] for event in events if event["method"] == "Network.loadingFailed"]
    kinds = [f"{one['type']}: {one.get('blockedReason') or one['errorText']}" for one in lost]
    return kinds + [entry["message"] for entry in log(browser, "browser")]


def test_a_request_can_be_tried_in_swagger_ui(browser: Chrome, documented: Served) -> None:
    browser.get(f"{documented.url}/docs")
    wait_for(browser, "#operations-health-live")

    for selector in ("#operations-health-live button", ".try-out__btn", ".execute"):
        wait_for(browser, selector)
        browser.execute_script("document.querySelector(arguments[0]).click()", selector)
    wait_for(browser, STATUS)

    assert browser.find_element(By.CSS_SELECTOR, STATUS).text == "200"
    assert failed(browser) == []


def test_redoc_shows_every_operation(browser: Chrome, documented: Served) -> None:
    operations = sum(map(len, documented.get("/openapi.json").json()["paths"].values()))

    browser.get(f"{documented.url}/redoc")
    wait_for(browser, OPERATION)

    shown = browser.find_elements(By.CSS_SELECTOR, OPERATION)
    assert len({one.get_attribute("data-section-id") for one in shown}) == operations
    assert [line for line in failed(browser) if LOGO not in line] == ["Image: csp"]
