"""Headers of every response, unless a handler sets them itself."""

from collections.abc import Collection
from dataclasses import dataclass

from starlette.datastructures import URL, MutableHeaders
from starlette.types import Scope

# Swagger UI and ReDoc come from a CDN, and begin with a script in the page.
DOCS_POLICY = (
    "default-src 'self' 'unsafe-inline' https://cdn.jsdelivr.net https://fonts.googleapis.com"
    " https://fonts.gstatic.com; img-src data: https://cdn.redoc.ly https://fastapi.tiangolo.com;"
    " worker-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none';"
    " object-src 'none'"
)


@dataclass(frozen=True)
class ResponseHeaders:
    hsts_seconds: int
    docs: Collection[str | None]

    def add(self, headers: MutableHeaders, scope: Scope) -> None:
        headers.setdefault("X-Content-Type-Options", "nosniff")
        headers.setdefault(
            "Cache-Control", "private, no-cache" if "ETag" in headers else "no-store"
        )
        if self.hsts_seconds:
            headers.setdefault("Strict-Transport-Security", f"max-age={self.hsts_seconds}")
        if scope["path"].removeprefix(scope.get("root_path", "")) in self.docs:
            headers.setdefault("Content-Security-Policy", DOCS_POLICY)
        here, there = URL(scope=scope), URL(headers.get("Location", ""))
        if there.netloc and there.netloc == here.netloc:  # this is the `Host` that the client sent
            path = "/" + there.path.lstrip("/")  # `//name` would be another host
            headers["Location"] = str(there.replace(scheme="", netloc="", path=path))
