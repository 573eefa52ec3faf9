"""An issuer of access tokens for development: `make dev` runs it, `make token` prints a token.

It lets in whoever can read its key, so it listens on loopback alone and refuses to run anywhere but
in `local`. `.issuer/` has the key, made at the first start; git ignores it.
"""

import argparse
import json
import os
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import uuid4

from dotenv import dotenv_values
from joserfc import jwt
from joserfc.jwk import ECKey

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".issuer"
HOST = "127.0.0.1"
AUDIENCE = "this-service"
HOURS = 12


def variable(name: str) -> str | None:
    """What `Settings` would read: from the environment, then from the ENV_FILE."""
    file = ROOT / Path(os.environ.get("ENV_FILE", ".env")).expanduser()
    for variables in (os.environ, dotenv_values(file)):
        upper = {each.upper(): value for each, value in variables.items() if value}
        if name in upper:
            return upper[name]
    return None


def refusal() -> str | None:
    """Why there is no issuer of ours here; None if there is."""
    if issuer := variable("OIDC_ISSUER"):
        return f"OIDC_ISSUER is {issuer}: get a token there."
    if (environment := variable("ENVIRONMENT") or "local") != "local":
        return f"ENVIRONMENT is {environment}: this issuer is for local alone. Set OIDC_ISSUER."
    return None


def load_key(folder: Path) -> ECKey:
    """The key of the folder, made when there is none."""
    file = folder / "key.json"
    if not file.exists():
        folder.mkdir(mode=0o700, exist_ok=True)
        (folder / ".gitignore").write_text("*\n")
        key = ECKey.generate_key("P-256", {"kid": uuid4().hex, "use": "sig", "alg": "ES256"})
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
            json.dump(key.as_dict(private=True), opened)
    return ECKey.import_key(json.loads(file.read_text()))


def token(url: str, key: ECKey, *, scope: str = "", subject: str = "developer") -> str:
    now = int(time.time())
    claims = {"iss": url, "aud": variable("OIDC_AUDIENCE") or AUDIENCE, "sub": subject}
    claims |= {"client_id": "make-token", "scope": scope, "jti": uuid4().hex}
    header = {"alg": "ES256", "kid": key.kid, "typ": "at+jwt"}
    times = {"iat": now, "exp": now + HOURS * 3600}
    return jwt.encode(header, claims | times, key, algorithms=["ES256"])


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """The issuer's URL, the same as at the last start if its port is free."""
    key = load_key(folder)
    last = folder / "url"
    port = int(last.read_text().rpartition(":")[2]) if last.exists() else 0
    server = _server(port)
    url = f"http://{HOST}:{server.server_port}"
    keys = {"keys": [key.as_dict(private=False)]}
    server.answers = {
        "/.well-known/openid-configuration": {"issuer": url, "jwks_uri": f"{url}/keys"},
        "/keys": keys,
    }
    last.write_text(url)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield url
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    answers: dict[str, Any]


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        answer = self.server.answers.get(self.path)
        content = json.dumps(answer or {}).encode()
        self.send_response(200 if answer else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing between the lines of the service."""


def _server(port: int) -> _Server:
    try:
        return _Server((HOST, port), _Handler)
    except OSError:  # another `make dev` of this service
        return _Server((HOST, 0), _Handler)


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m dev.issuer")
    parser.add_argument("--scope", default="")
    parser.add_argument("--subject", default="developer")
    given = parser.parse_args(arguments)
    reason = refusal()
    if reason is None and not (FOLDER / "url").exists():
        reason = "The issuer has not been started yet: run make dev, then make token again."
    if reason:
        print(reason, file=sys.stderr)
        return 1
    url = (FOLDER / "url").read_text()
    print(token(url, load_key(FOLDER), scope=given.scope, subject=given.subject))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
