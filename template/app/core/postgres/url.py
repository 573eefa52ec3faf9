"""Reads a Postgres URL as libpq does, and refuses by name what cannot be honoured.

Source: https://www.postgresql.org/docs/current/libpq-connect.html (PostgreSQL 18).
`docs/postgres-url.md` has the table of all parameters.
"""

import os
import re
from collections.abc import Iterator
from urllib.parse import parse_qsl, quote, unquote, urlencode

URL = re.compile(
    r"postgres(?:ql)?(?:\+\w+)?://(?:(?P<credentials>[^@/]*)@)?"
    r"(?P<hosts>[^/?]*)(?:/(?P<database>[^?]*))?(?:\?(?P<query>.*))?",
    re.DOTALL,
)
HOST = re.compile(r"(?=.)(?:\[[0-9A-Fa-f:.%]+\]|[\w.%-]*)(?::(?P<port>\d*))?", re.ASCII)
NOT_ENCODED = re.compile(r"%(?![0-9A-Fa-f]{2})|%00")

# asyncpg and `connect_arguments` read these as libpq does.
HONOURED = (
    *("host", "port", "dbname", "user", "password", "passfile", "service", "options"),
    *("sslmode", "sslcert", "sslkey", "sslrootcert", "sslcrl", "sslpassword", "sslnegotiation"),
    *("ssl_min_protocol_version", "ssl_max_protocol_version", "krbsrvname", "gsslib"),
    *("application_name", "connect_timeout", "target_session_attrs"),
)
# Harmless with these values, which ask for what happens anyway; refused with all others.
UNCHANGED = {
    "channel_binding": ("disable", "prefer"),
    "client_encoding": ("auto", "utf8", "UTF8", "UTF-8", "utf-8"),
    "gssdelegation": ("0",),
    "gssencmode": ("disable", "prefer"),
    "load_balance_hosts": ("disable",),
    "max_protocol_version": ("3.0", "3.2", "latest"),
    "min_protocol_version": ("3.0",),
    "replication": ("false", "off", "no", "0"),
    "requiressl": ("0",),
    "sslcertmode": ("allow",),
    "sslcompression": ("0",),
    "sslsni": ("1",),
}
TARGETS = ("any", "read-write", "read-only", "primary", "standby", "prefer-standby")
CHOICES = UNCHANGED | {
    "sslmode": ("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
    "sslnegotiation": ("postgres", "direct"),
    "target_session_attrs": TARGETS,
}
# The service's own time limits, and its name, take their place.
REPLACED = (
    *("fallback_application_name", "keepalives", "keepalives_idle", "keepalives_interval"),
    *("keepalives_count", "tcp_user_timeout"),
)
KNOWN = (*HONOURED, *UNCHANGED, *REPLACED)
LAST_PORT = 65535
ON_THIS_MACHINE = re.compile(r"(/.*|localhost|127\.[\d.]+|\[?::1\]?)?(:\d*)?")


def normalize(url: str) -> str:
    """The URL with everything percent-encoded and translated that asyncpg reads in another way.

    Raises `ValueError` with a sentence that names the part and never shows its value.
    """
    match = URL.fullmatch(url)
    if match is None:
        raise ValueError("A Postgres URL starts with postgresql:// (or postgres://).")
    credentials, hosts, database, query = match.groups()
    _check_hosts(hosts)
    parameters = dict(_parameters(query or ""))
    user, colon, password = (credentials or "").partition(":")
    return "".join(
        (
            "postgresql://",
            _encoded(user, "user"),
            colon + _encoded(password, "password"),
            "@" if credentials is not None else "",
            hosts,
            "" if database is None else f"/{_encoded(database, 'database')}",
            f"?{urlencode(parameters, quote_via=quote)}" if parameters else "",
        )
    )


def is_on_this_machine(url: str) -> bool:
    """Whether each host of a normalized URL is a Unix socket or a loopback address."""
    hosts = URL.sub(r"\g<hosts>", url).split(",")
    hosts += dict(parse_qsl(url.partition("?")[2])).get("host", "").split(",")
    named = [unquote(host) for host in hosts if host] or [os.environ.get("PGHOST", "")]
    return all(map(ON_THIS_MACHINE.fullmatch, named))


def _check_hosts(hosts: str) -> None:
    for host in hosts.split(",") if hosts else ():
        match = HOST.fullmatch(host)
        if match is None or (match["port"] and not 0 < int(match["port"][:6]) <= LAST_PORT):
            raise ValueError(
                "The host of the Postgres URL is not valid: write host:port, an IPv6 address in"
                " brackets, and percent-encode @ : / in the user and the password."
            )


def _parameters(query: str) -> Iterator[tuple[str, str]]:
    for pair in filter(None, query.split("&")):
        name, equals, value = pair.partition("=")
        # An unknown name before an @ may be a part of the password.
        is_name = name in KNOWN if "@" in query else re.fullmatch(r"\w+", name)
        if not equals or not is_name:
            raise ValueError(
                "The query of the Postgres URL is not valid: write name=value&..., and"
                " percent-encode @ : / ? in the user, the password and the values."
            )
        value = _decoded(value, name)
        if value and (kept := _translated(name, value)):
            yield name, kept


def _translated(name: str, value: str) -> str:
    """The value for asyncpg, "" if the parameter changes nothing."""
    if name in REPLACED or value in UNCHANGED.get(name, ()):
        return ""
    if name in ("port", "connect_timeout") and not re.fullmatch(r"[\d,]{1,40}", value):
        raise ValueError(f"The parameter {name} of the Postgres URL must be a number.")
    if name == "host" and "" in value.split(","):
        raise ValueError("The parameter host of the Postgres URL must not name an empty host.")
    if value not in CHOICES.get(name, (value,)):
        allowed = ", ".join(CHOICES[name])
        raise ValueError(f"The parameter {name} of the Postgres URL can only be {allowed}.")
    if name in HONOURED:
        return value
    raise ValueError(
        f"The parameter {name} of the Postgres URL is not supported: remove it. A setting of the"
        " server goes into options=-c%20name%3Dvalue."
    )


def _encoded(text: str, part: str) -> str:
    return quote(_decoded(text, part), safe="")


def _decoded(text: str, part: str) -> str:
    try:
        decoded = unquote(text, errors="strict")
        decoded.encode()
    except UnicodeError:  # whose own message would show a character
        raise ValueError(f"The {part} of the Postgres URL is not UTF-8.") from None
    if NOT_ENCODED.search(text) or "\0" in text:
        raise ValueError(f"The {part} of the Postgres URL is not percent-encoded: write % as %25.")
    return decoded
