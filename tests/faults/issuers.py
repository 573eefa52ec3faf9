"""A real OpenID Connect provider, oidc-provider from npm, that a test may rotate, stop and restart.

`make test-system` puts it into build/oidc-provider.
"""

import base64
import json
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2

from tests.support.services import ROOT
from tests.support.serving import Served, clean_environment, free_port, serving

PACKAGES = ROOT / "build/oidc-provider"
NEW_KEY = (
    "console.log(JSON.stringify(crypto.generateKeyPairSync('rsa', {modulusLength: 2048})"
    ".privateKey.export({format: 'jwk'})))"
)


class Issuer:
    """It runs, on one port for all of its life."""

    def __init__(self, folder: Path) -> None:
        assert PACKAGES.exists(), "make build/oidc-provider"
        self.folder = folder
        self.port = free_port()
        self.keys = [new_key()]
        self.running = ExitStack()
        self.served: Served | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        (self.folder / "keys.json").write_text(json.dumps({"keys": self.keys}))
        # Node looks for packages from the module's own folder upwards.
        module = shutil.copy2(Path(__file__).with_name("provider.mjs"), PACKAGES)
        command = ["node", str(module), str(self.port), str(self.folder / "keys.json")]
        environment = clean_environment(NODE_NO_WARNINGS="1")
        running = serving(command, self.folder, environment, self.port, self.folder)
        self.served = self.running.enter_context(running)
        self.served.wait_until_it_answers("/.well-known/openid-configuration")

    def restart(self, *keys: dict[str, Any]) -> None:
        """With these keys: it signs by the first one."""
        self.running.close()
        self.keys = list(keys)
        self.start()

    def freeze(self) -> None:
        """It accepts connections and answers none."""
        assert self.served
        self.served.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self.served
        self.served.process.send_signal(signal.SIGCONT)

    def token(self, client: str, scope: str = "items:read items:write") -> str:
        response = httpx2.post(
            f"{self.url}/token",
            data={"grant_type": "client_credentials", "scope": scope},
            auth=(client, "secret"),
            trust_env=False,
        )
        token: str = response.raise_for_status().json()["access_token"]
        return token

    def revoke(self, token: str) -> None:
        url, data = f"{self.url}/token/revocation", {"token": token}
        httpx2.post(url, data=data, auth=("opaque", "secret"), trust_env=False).raise_for_status()


def new_key() -> dict[str, Any]:
    made = subprocess.run(["node", "-e", NEW_KEY], capture_output=True, text=True, check=True)
    return {**json.loads(made.stdout), "kid": uuid4().hex, "use": "sig", "alg": "RS256"}


@contextmanager
def issuing(folder: Path) -> Iterator[Issuer]:
    issuer = Issuer(folder)
    issuer.start()
    try:
        yield issuer
    finally:
        issuer.running.close()


def forged(token: str, **header: str) -> str:
    """Another subject, under the same signature; or another header."""
    head, payload, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "==")) | {"sub": "admin"}
    heads = json.loads(base64.urlsafe_b64decode(head + "==")) | header
    parts = (json.dumps(part).encode() for part in (heads, claims))
    return ".".join(
        [*(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts), signature]
    )
