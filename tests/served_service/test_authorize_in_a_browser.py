"""The first authenticated request: `make dev`, `make token`, and "Authorize" on /docs."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from tests.support import serving
from tests.support.browser import chromium, log
from tests.support.commands import run
from tests.support.edits import replace
from tests.support.serving import Served, clean_environment, free_port

pytestmark = [pytest.mark.slow, pytest.mark.system]

SECONDS = 60
CREATE = "#operations-items-create_item"
STATUS = f"{CREATE} .live-responses-table tbody .response-col_status"
BODY = f"{CREATE} .live-responses-table tbody .highlight-code"
MODAL = ".modal-ux .auth-container"
LOGOUT = f"{MODAL} .auth-btn-wrapper .auth:not(.authorize):not(.btn-done)"
# The README's two lines.
IMPORT = "from app.core.auth import requires\n"
GUARDED = '@idempotent(router).post("", dependencies=[requires("items:write")], '


@pytest.fixture(scope="module")
def service(render: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A service whose items are created by those who may write."""
    folder = tmp_path_factory.mktemp("guarded") / "my-service"
    shutil.copytree(render(auth="oidc"), folder)
    assert GUARDED in (folder / "README.md").read_text()
    routes = folder / "app/items/routes.py"
    replace(routes, "from app.core.conditional", f"{IMPORT}from app.core.conditional")
    replace(routes, '@idempotent(router).post("", ', GUARDED)
    return folder


@pytest.fixture(scope="module")
def developed(service: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """By `make dev`, with nothing set."""
    port, logs = free_port(), tmp_path_factory.mktemp("logs")
    command = ["make", "dev", f"PORT={port}"]
    with serving.serving(command, service, clean_environment(), port, logs) as served:
        served.wait_until_it_answers("/health/ready")
        yield served


@pytest.fixture
def browser() -> Iterator[Chrome]:
    """A browser without internet."""
    with chromium("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1") as browser:
        yield browser


def token(service: Path, scope: str) -> str:
    printed = run("make", "-s", "token", f"scope={scope}", cwd=service)
    assert printed.returncode == 0, printed.stderr
    return printed.stdout.strip()


def text_of(browser: Chrome, selector: str) -> str:
    """The text of an element, once there is one."""
    find = browser.find_elements
    WebDriverWait(browser, SECONDS).until(lambda _: find(By.CSS_SELECTOR, selector))
    return find(By.CSS_SELECTOR, selector)[0].text


def click(browser: Chrome, *selectors: str) -> None:
    for selector in selectors:
        text_of(browser, selector)
        browser.execute_script("document.querySelector(arguments[0]).click()", selector)


def execute(browser: Chrome) -> tuple[str, str]:
    """The status of a request, and its answer."""
    click(browser, f"{CREATE} .execute")
    status, body = text_of(browser, STATUS), text_of(browser, BODY)
    click(browser, f"{CREATE} .btn-clear")
    return status, body


def authorize(browser: Chrome, given: str) -> None:
    click(browser, ".scheme-container .authorize")
    text_of(browser, MODAL)
    if browser.find_elements(By.CSS_SELECTOR, LOGOUT):
        click(browser, LOGOUT)
    text_of(browser, f"{MODAL} input")
    browser.find_element(By.CSS_SELECTOR, f"{MODAL} input").send_keys(given)
    click(browser, f"{MODAL} .authorize", f"{MODAL} .btn-done")


def test_authorize_takes_the_token_that_make_token_prints(
    service: Path, developed: Served, browser: Chrome
) -> None:
    browser.get(f"{developed.url}/docs")
    click(browser, f"{CREATE} button", f"{CREATE} .try-out__btn")

    nobody = execute(browser)
    authorize(browser, token(service, "items:read"))
    reader = execute(browser)
    authorize(browser, token(service, "items:read items:write"))
    writer = execute(browser)

    assert [status for status, _ in (nobody, reader, writer)] == ["401", "403", "201"]
    assert "This needs the scope items:write." in reader[1]
    messages = [entry["message"] for entry in log(browser, "browser")]
    refused = [message for message in messages if "status of 40" in message]
    assert len(refused) == 2
    assert messages == refused
