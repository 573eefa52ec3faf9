"""The hosts of a Postgres URL, each with the time limit of connecting to itself, as in libpq."""

import ssl
import time
from itertools import product
from os import environ
from typing import Any
from urllib.parse import parse_qsl, urlencode
from weakref import WeakKeyDictionary

import asyncpg
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

from app.core.postgres.url import URL

LAST_FOR_SECONDS = 10
NEXT_HOST = (OSError, asyncpg.CannotConnectNowError, asyncpg.TargetServerAttributeNotMatched)


class Hosts:
    """Where the engines of one URL connect. A host that hung a moment ago is tried last."""

    def __init__(self, *engines: AsyncEngine) -> None:
        self.hung: dict[str, float] = {}
        self.connections = WeakKeyDictionary[asyncpg.Connection, str]()
        for engine in engines:
            event.listen(engine.sync_engine, "do_connect", self._pass_on)

    def _pass_on(self, _dialect: Any, _entry: Any, _arguments: Any, options: Any) -> None:
        options["hosts"] = self

    async def connect(self, *, dsn: str, **arguments: Any) -> asyncpg.Connection:
        """Connect to the first host with the right target. Raises the error of the last one."""
        hosts = each_host(dsn)
        targets = each_target(dsn) if len(hosts) > 1 else [None]
        a_moment_ago = time.monotonic() - LAST_FOR_SECONDS
        hosts.sort(key=lambda host: max(self.hung.get(host, 0), a_moment_ago))
        errors: dict[str, Exception] = {}
        for target, host in product(targets, hosts):
            if isinstance(errors.get(host), OSError):
                continue  # it is away, whatever is wanted of it
            arguments["target_session_attrs"] = target
            try:
                connection: asyncpg.Connection = await asyncpg.connect(host, **arguments)
            except NEXT_HOST as error:
                errors[host] = error
                if isinstance(error, TimeoutError):
                    self.hung[host] = time.monotonic()
            else:
                self.connections[connection] = host
                return connection
        raise errors[hosts[-1]]

    def leave(self) -> None:
        """Close all connections: the server does not answer, and nobody should wait for it."""
        for connection, host in list(self.connections.items()):
            if not connection.is_closed():
                self.hung[host] = time.monotonic()
                connection.terminate()


def why(error: Exception) -> str:
    """Why there is no connection, as a sentence for the log."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"The certificate of Postgres is not accepted: {error.verify_message.rstrip('.')}."
    if isinstance(error, ssl.SSLError):
        return f"Postgres and the service agree on no TLS: {error.reason}."
    return "Postgres cannot be reached."


def each_host(dsn: str) -> list[str]:
    """A normalized URL, once for each of its hosts."""
    if (match := URL.fullmatch(dsn)) and match["hosts"]:
        start, end = match.span("hosts")
        return [dsn[:start] + host + dsn[end:] for host in match["hosts"].split(",")]
    base, _, query = dsn.partition("?")
    given = dict(parse_qsl(query))
    hosts, ports = given.get("host", "").split(","), given.get("port", "").split(",")
    ports *= len(hosts) if len(ports) == 1 else 1
    if len(hosts) == 1 or len(hosts) != len(ports):
        return [dsn]  # asyncpg refuses a wrong number of ports
    each = zip(hosts, ports, strict=True)
    return [f"{base}?{urlencode(given | {'host': host, 'port': port})}" for host, port in each]


def each_target(dsn: str) -> list[str | None]:
    """What a host has to be, the best first."""
    given = dict(parse_qsl(dsn.partition("?")[2]))
    target = given.get("target_session_attrs", environ.get("PGTARGETSESSIONATTRS"))
    return ["standby", "any"] if target == "prefer-standby" else [target]
