"""What is asked of the issuer over HTTP: its discovery document, its keys, what a token means.

Bounded in time and size, without redirects, and only by https where that matters.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

import httpx2

from app.server.capabilities.auth.settings import Settings

DISCOVERY = "/.well-known/openid-configuration"
LARGEST_ANSWER = 262_144


class ProviderError(Exception):
    """The issuer does not answer, or not as its standard says."""


def new_client(settings: Settings) -> httpx2.AsyncClient:
    """Opens nothing before its first request."""
    limits = httpx2.Limits(max_connections=20)
    return httpx2.AsyncClient(timeout=settings.oidc_timeout_seconds, limits=limits)


class Provider:
    """The issuer. Every method raises `ProviderError`, within `oidc_timeout_seconds`."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.client = new_client(settings)
        self.introspection_url: str | None = None

    async def keys(self) -> list[object]:
        """The entries of its key set."""
        async with self._in_time():
            document = await self._discover()
            key_set = await self._ask("GET", self._url_in(document, "jwks_uri"))
        keys = key_set.get("keys")
        if not isinstance(keys, list):
            raise ProviderError("The issuer's key set has no list of keys.")
        return keys

    async def introspect(self, token: str) -> dict[str, Any]:
        """What RFC 7662 says of a token."""
        # RFC 6749 wants both encoded before they are joined by a colon.
        user, password = (quote(each, safe="") for each in self.settings.credentials or ("", ""))
        async with self._in_time():
            if self.introspection_url is None:
                await self._discover()
            if self.introspection_url is None:
                raise ProviderError("The issuer names no introspection_endpoint.")
            return await self._ask(
                "POST",
                self.introspection_url,
                auth=httpx2.BasicAuth(user, password),
                data={"token": token, "token_type_hint": "access_token"},
            )

    async def aclose(self) -> None:
        await self.client.aclose()

    @asynccontextmanager
    async def _in_time(self) -> AsyncIterator[None]:
        """One limit for all the requests of a question."""
        seconds = self.settings.oidc_timeout_seconds
        try:
            async with asyncio.timeout(seconds):
                yield
        except TimeoutError as error:
            raise ProviderError(f"It takes more than {seconds:g} seconds.") from error
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            raise ProviderError(f"{type(error).__name__}: {error}") from error

    async def _discover(self) -> dict[str, Any]:
        issuer = self.settings.oidc_issuer
        document = await self._ask("GET", issuer.rstrip("/") + DISCOVERY)
        if document.get("issuer") != issuer:
            raise ProviderError(
                f"The discovery document is of the issuer {document.get('issuer')!r:.200},"
                f" and OIDC_ISSUER is {issuer!r}: they must be the same, to the last slash."
            )
        if "introspection_endpoint" in document:
            self.introspection_url = self._url_in(document, "introspection_endpoint")
        return document

    def _url_in(self, document: dict[str, Any], name: str) -> str:
        url = document.get(name)
        schemes = ("https://", "http://") if self.settings.may_be_plain else ("https://",)
        if not isinstance(url, str) or not url.startswith(schemes):
            raise ProviderError(f"The discovery document has no {name} that begins with https://.")
        return url

    async def _ask(self, method: str, url: str, **options: Any) -> dict[str, Any]:
        """The object of JSON that this URL answers."""
        headers = {"Accept": "application/json"}
        async with self.client.stream(method, url, headers=headers, **options) as response:
            if response.status_code != 200:
                raise ProviderError(f"{url} answers {response.status_code}.")
            content = b""
            async for part in response.aiter_bytes():
                content += part
                if len(content) > LARGEST_ANSWER:
                    raise ProviderError(f"{url} answers more than {LARGEST_ANSWER} bytes.")
        try:
            answer = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise ProviderError(f"{url} does not answer JSON.") from error
        if not isinstance(answer, dict):
            raise ProviderError(f"{url} does not answer an object of JSON.")
        return answer
