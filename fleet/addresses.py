"""Which addresses of templates fleet may clone: a service chooses what it records.

An address could be that of another repository on this machine or of an inner host, whose content a
branch would then show. Those have to be named by a person; others may be read by everybody.
"""

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from fleet.errors import NotAllowedError

SHORTHANDS = {"gh:": "https://github.com/", "gl:": "https://gitlab.com/", "git+": ""}
SCP = re.compile(r"(?:[\w.-]+@)?(?P<host>[\w.-]+):(?!//)(?P<path>.+)")
HOST = re.compile(r"(?:[a-z0-9-]+\.)+[a-z0-9-]+")
INNER = (".local", ".localhost", ".internal", ".intranet", ".lan", ".home", ".corp", ".private")


def url(address: str) -> str:
    """The address for git, with copier's shorthands expanded (copier's documentation,
    "Generating a template")."""
    for shorthand, meaning in SHORTHANDS.items():
        if address.startswith(shorthand):
            return meaning + address.removeprefix(shorthand)
    return address


def normal(address: str) -> str:
    """Two addresses of one repository are equal."""
    expanded = url(address).rstrip("/").removesuffix(".git")
    return str(Path(expanded).resolve()) if expanded.startswith(("/", "~")) else expanded


@dataclass(frozen=True)
class Allowed:
    """The templates that a person named; without any, those that may be read by everybody."""

    named: Sequence[str] = ()

    def names(self, address: str) -> bool:
        return normal(address) in map(normal, self.named)

    def require(self, address: str) -> None:
        """Raises NotAllowedError for a template that must not be cloned."""
        if self.names(address):
            return
        if self.named:
            others = ", ".join(self.named)
            raise NotAllowedError(
                f"The template {address} is not allowed; allowed: {others}.", address
            )
        if not is_public(address):
            raise NotAllowedError(
                f"The template {address} is on this machine or an inner network: if you trust it, "
                f"name it with --template {address}.",
                address,
            )


def is_public(address: str) -> bool:
    """Whether it is reached by https or ssh at a host of the internet, as far as a name tells."""
    expanded = url(address)
    if "://" in expanded:
        parts = urlsplit(expanded)
        return parts.scheme in {"https", "ssh"} and _is_public_host(parts.hostname or "")
    found = SCP.fullmatch(expanded)
    return bool(found) and _is_public_host(found["host"]) if found else False


def _is_public_host(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        name = host.lower().rstrip(".")
        looks_numeric = re.fullmatch(r"[\dx.]+", name)
        return "." in name and not name.endswith(INNER) and not looks_numeric


def web_page(remote: str) -> str | None:
    """The page of a repository: its remote by https, without a name or a password in it; none
    where the remote is not at a host of the web."""
    found = SCP.fullmatch(remote)
    try:
        parts = urlsplit(f"ssh://{found['host']}/{found['path']}" if found else remote)
        port = f":{parts.port}" if parts.port and parts.scheme == "https" else ""
    except ValueError:
        return None
    host, path = parts.hostname or "", parts.path.strip("/").removesuffix(".git")
    if parts.scheme not in {"https", "ssh"} or not HOST.fullmatch(host) or not path:
        return None
    return f"https://{host}{port}/{quote(unquote(path, errors='replace'), safe='/~@+')}"
