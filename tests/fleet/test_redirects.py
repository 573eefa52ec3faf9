"""A public host that sends git on to an inner one: followed only for a person who named it."""

import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
import trustme

from tests.fleet.conftest import Fleet
from tests.fleet.toys import Toy, edit, result
from tests.support import services

pytestmark = pytest.mark.slow

PUBLIC = "https://templates.example.org/template"


class Files(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


class Redirect(BaseHTTPRequestHandler):
    """To the same path at another host."""

    def __init__(self, target: str, *arguments: object) -> None:
        self.target = target
        super().__init__(*arguments)  # type: ignore[arg-type] # theirs

    def do_GET(self) -> None:
        self.send_response(302)
        self.send_header("Location", f"{self.target}{self.path}")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving(server: ThreadingHTTPServer) -> Iterator[int]:
    """The port of a server that answers until the block ends."""
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def port(toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Of a server of ours, by https for 127.0.0.1, which sends everybody on to an inner one that
    has the template."""
    services.git(toy.folder, "update-server-info")
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("GIT_SSL_CAINFO", str(tmp_path / "ca.pem"))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    monkeypatch.setenv("FLEET_TEMPLATE", "")
    with ExitStack() as running:
        files = partial(Files, directory=str(toy.folder.parent))
        inner = running.enter_context(serving(ThreadingHTTPServer(("127.0.0.1", 0), files)))
        sent = partial(Redirect, f"http://127.0.0.1:{inner}")
        outer = ThreadingHTTPServer(("127.0.0.1", 0), sent)
        outer.socket = context.wrap_socket(outer.socket, server_side=True)
        yield running.enter_context(serving(outer))


@pytest.fixture
def redirected(port: int, toy: Toy, lamps: Path) -> Path:
    """A service that records a public address, which for git is that of the server."""
    edit(lamps, ".copier-answers.yml", str(toy.folder), PUBLIC)
    (lamps.parent / "gitconfig").write_text(
        f'[url "https://127.0.0.1:{port}/template/.git"]\n\tinsteadOf = {PUBLIC}\n'
    )
    return lamps


def test_a_template_that_redirects_is_refused(fleet: Fleet, redirected: Path) -> None:
    run = fleet(redirected.parent, "status", "lamps", "--json")

    assert result(run.output)["error"] == (
        f"The template {PUBLIC} redirects to another address: if you trust where it leads, name it "
        f"with --template {PUBLIC}."
    )


def test_a_template_that_a_person_named_may_redirect(fleet: Fleet, redirected: Path) -> None:
    run = fleet(redirected.parent, "status", "lamps", "--json", "--template", PUBLIC)

    assert result(run.output)["error"] is None


def test_a_public_name_does_not_lead_to_an_inner_host(
    fleet: Fleet, toy: Toy, lamps: Path, port: int
) -> None:
    """What a server of names could answer, git is told here."""
    name = "templates.example.org"
    address = f"https://{name}:{port}/template"
    edit(lamps, ".copier-answers.yml", str(toy.folder), address)
    (lamps.parent / "gitconfig").write_text(f"[http]\n\tcurloptResolve = {name}:{port}:127.0.0.1\n")

    run = fleet(lamps.parent, "status", "lamps", "--json")

    error = str(result(run.output)["error"])
    assert error.startswith(f"The template {address} cannot be cloned; git says: fatal: unable to ")
    assert "certificate" in error
