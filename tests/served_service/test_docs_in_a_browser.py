"""The pages of the docs work in a browser, which obeys their Content-Security-Policy."""

import json
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import trustme
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from tests.served_service.conftest import Serve
from tests.support import serving
from tests.support.browser import chromium, log
from tests.support.serving import Served

pytestmark = [pytest.mark.slow, pytest.mark.system]

SECONDS = 60
# The files that FastAPI's pages load from a CDN, as a package.
ASSETS = "fastapi-offline>=1.7.7,<2"
STATUS = ".live-responses-table tbody .response-col_status"
OPERATION = "[data-section-id^='operation/']"


class Cdn(SimpleHTTPRequestHandler):
    """Any host of the internet: a file by its name, or an empty style sheet."""

    def translate_path(self, path: str) -> str:
        return str(Path(self.directory, path.partition("?")[0].rpartition("/")[2]))

    def log_message(self, format: str, *args: object) -> None: ...  # noqa: A002 # theirs


@pytest.fixture(scope="module")
def cdn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a server for all hosts."""
    folder = tmp_path_factory.mktemp("cdn")
    install = [serving.UV, "pip", "install", "--quiet", "--no-deps", "--target", str(folder)]
    subprocess.run([*install, ASSETS], check=True)
    files = folder / "fastapi_offline/static"
    (files / "css").write_text("")
    (files / "logo-mini.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("localhost").configure_cert(context)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Cdn, directory=str(files))) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.fixture
def browser(cdn: int) -> Iterator[Chrome]:
    rules = f"MAP * 127.0.0.1:{cdn}, EXCLUDE 127.0.0.1"
    with chromium(f"--host-resolver-rules={rules}", "--ignore-certificate-errors") as browser:
        yield browser


@pytest.fixture(scope="module")
def documented(serve: Serve, migrated: Callable[[], str]) -> Iterator[Served]:
    with serve("uvicorn", POSTGRES_URL=migrated()) as served:
        served.wait_until_it_answers("/health/ready")
        yield served


def wait_for(browser: Chrome, selector: str) -> None:
    WebDriverWait(browser, SECONDS).until(lambda b: b.find_elements(By.CSS_SELECTOR, selector))


def failed(browser: Chrome) -> list[str]:
    """What the browser has not loaded, and what it says on its console."""
    events = [json.loads(entry["message"])["message"] for entry in log(browser, "performance")]
    blocked = [str(e["params"]) for e in events if e["method"] == "Network.loadingFailed"]
    return blocked + [entry["message"] for entry in log(browser, "browser")]


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
    assert failed(browser) == []
