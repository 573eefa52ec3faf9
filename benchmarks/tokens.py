"""What an access token costs a request, in microseconds of CPU. Run it with the Python of a service
that was rendered with auth=oidc:

uv run --project build/guarded python -P benchmarks/tokens.py build/guarded
"""

import asyncio
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager, redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

sys.path.insert(0, sys.argv[1])
os.environ |= {"POSTGRES_URL": "postgresql:///none", "ENVIRONMENT": "test"}
os.environ |= {"OIDC_ISSUER": "http://localhost", "OIDC_AUDIENCE": "benchmark"}

# All of them the service's own.
from app.core.config import Settings  # type: ignore[import-not-found]
from app.core.database import Base  # type: ignore[import-not-found]
from app.main import create_app  # type: ignore[import-not-found]
from app.server.capabilities.auth.middleware import RequireToken  # type: ignore[import-not-found]
from dev import issuer  # type: ignore[import-not-found]
from dev.postgres import temporary_server  # type: ignore[import-not-found]

ROUNDS, REQUESTS = (int(given) for given in sys.argv[2:4] or (60, 100))


async def request(app: Any, method: str, path: str, token: str = "", body: bytes = b"") -> Any:
    """Its status and headers. Without HTTP, which costs the same with a token."""
    headers = [(b"host", b"test"), (b"content-type", b"application/json")]
    headers += [(b"authorization", f"Bearer {token}".encode())] if token else []
    scope: dict[str, Any] = {"type": "http", "method": method, "path": path, "headers": headers}
    scope |= {"query_string": b"", "http_version": "1.1", "scheme": "http", "root_path": ""}
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return sent[0]["status"], dict(sent[0]["headers"])


@contextmanager
def counting(times: list[float]) -> Iterator[None]:
    """The CPU of a request, of as many as a round has."""
    began = time.process_time()
    yield
    times.append((time.process_time() - began) / REQUESTS * 1e6)


async def measure(postgres_url: str, new_token: Callable[[], str]) -> dict[str, list[float]]:
    guarded, unguarded = (create_app(Settings(postgres_url=postgres_url)) for _ in range(2))
    unguarded.user_middleware = [
        each for each in unguarded.user_middleware if each.cls is not RequireToken
    ]
    times: dict[str, list[float]] = {"no token": [], "the same token": [], "a new token": []}
    async with AsyncExitStack() as stack:
        for app in (guarded, unguarded):
            await stack.enter_async_context(app.router.lifespan_context(app))
        async with guarded.state.database.engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
        _, headers = await request(unguarded, "POST", "/items", body=b'{"name": "lamp"}')
        path, same = headers[b"location"].decode(), new_token()
        for _ in range(ROUNDS):
            tokens = [new_token() for _ in range(REQUESTS)]
            for (kind, app), given in zip(
                (("no token", unguarded), ("the same token", guarded), ("a new token", guarded)),
                ([""] * REQUESTS, [same] * REQUESTS, tokens),
                strict=True,
            ):
                with counting(times[kind]):
                    answers = [await request(app, "GET", path, token) for token in given]
                assert {status for status, _ in answers} == {200}
    return times


with (
    TemporaryDirectory() as folder,
    temporary_server() as url,
    issuer.serving(Path(folder)) as issuer_url,
    Path(os.devnull).open("w") as nowhere,
    redirect_stdout(nowhere),
):
    os.environ["OIDC_ISSUER"] = issuer_url
    key = issuer.load_key(Path(folder))
    measured = asyncio.run(measure(url, lambda: issuer.token(issuer_url, key)))
best = {kind: min(times) for kind, times in measured.items()}  # the least disturbed round
base = best["no token"]
for kind, microseconds in best.items():
    sys.stdout.write(f"| {kind} | {microseconds:.0f} | {microseconds - base:.0f} |\n")
