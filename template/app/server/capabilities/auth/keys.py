"""The issuer's public keys: fetched when needed, kept while the issuer is away, never for ever."""

import asyncio
import math
import warnings
from collections.abc import Mapping, Sequence
from time import monotonic, time
from typing import Any

from joserfc.jwk import ECKey, Key, OKPKey, RSAKey, import_key
from opentelemetry.metrics import CallbackOptions, Observation

from app.core.auth import UnauthenticatedError
from app.core.errors import UnavailableError
from app.core.logger import logger
from app.server.capabilities.auth.provider import Provider, ProviderError
from app.server.capabilities.auth.settings import Settings

SECONDS_BETWEEN_LOOKUPS = 30
SECONDS_BETWEEN_ATTEMPTS = 1
SMALLEST_RSA_KEY = 2048
MOST_KEYS = 100


class Keys:
    """One fetch at a time, for all requests. Nobody waits for one while older keys will do.

    | age of the keys                      | a request                                       |
    |--------------------------------------|-------------------------------------------------|
    | below half of OIDC_KEYS_SECONDS      | uses them                                       |
    | below OIDC_KEYS_SECONDS              | uses them, and newer ones are fetched meanwhile |
    | below that + OIDC_STALE_KEYS_SECONDS | waits for newer ones; if the issuer is known to |
    |                                      | be away, uses these                             |
    | above, or there are none             | waits for newer ones, and is a 503 without      |
    """

    def __init__(self, settings: Settings, provider: Provider) -> None:
        self.provider = provider
        self.longest = settings.oidc_keys_seconds
        self.stale = settings.oidc_keys_seconds + settings.oidc_stale_keys_seconds
        self.keys: Mapping[str, Key] = {}
        self.version = 0
        """Grows when a key is added, removed or replaced."""
        self.is_away = False
        self.fetch: asyncio.Task[None] | None = None
        self.fetched_at = self.tried_at = self.looked_at = -math.inf

    async def keep_fresh(self) -> None:
        """Raises `UnavailableError` when there are no keys that may be used."""
        age = monotonic() - self.fetched_at
        if age < self.longest / 2:
            return
        if self._may_try():
            self._start()
            if age >= (self.stale if self.is_away else self.longest):
                await self._finish()
        if monotonic() - self.fetched_at >= self.stale:
            raise UnavailableError("The issuer's keys are not available now. Try again.")

    async def find(self, key_id: str) -> Key:
        """The key of that id. An unknown one is looked for at the issuer, once in 30 seconds."""
        if key_id not in self.keys:
            if self._may_try() and monotonic() - self.looked_at >= SECONDS_BETWEEN_LOOKUPS:
                self.looked_at = monotonic()
                self._start()
            await self._finish()
        if key := self.keys.get(key_id):
            return key
        if self.is_away:
            raise UnavailableError("The issuer of this token is not available now. Try again.")
        raise UnauthenticatedError("The token's key is none of the issuer's.")

    def expiry(self, _: CallbackOptions) -> list[Observation]:
        """While the issuer is away: when its keys can no longer be used, in Unix time."""
        left = self.fetched_at + self.stale - monotonic()
        return [Observation(time() + left)] if self.is_away and math.isfinite(left) else []

    async def aclose(self) -> None:
        if self.fetch:
            self.fetch.cancel()

    def _may_try(self) -> bool:
        """Not at once after an attempt that failed."""
        return not self.is_away or monotonic() - self.tried_at >= SECONDS_BETWEEN_ATTEMPTS

    def _start(self) -> None:
        if self.fetch is None or self.fetch.done():
            self.fetch = asyncio.create_task(self._fetch())

    async def _finish(self) -> None:
        """Wait for the fetch that runs. A client that disconnects does not cancel it."""
        if self.fetch and not self.fetch.done():
            await asyncio.shield(self.fetch)

    async def _fetch(self) -> None:
        try:
            keys = usable_keys(await self.provider.keys())
            if not keys:
                raise ProviderError("The issuer has no key that verifies signatures.")
        except ProviderError as error:
            self.is_away, self.tried_at = True, monotonic()
            logger.warning("The issuer's keys cannot be fetched.", reason=str(error))
            return
        self.is_away = False
        self.fetched_at = monotonic()
        if _thumbprints(keys) != _thumbprints(self.keys):
            self.keys = keys
            self.version += 1


def usable_keys(entries: Sequence[object]) -> dict[str, Key]:
    """Keys to verify signatures by, by their ids; what else is in a key set is left out."""
    keys: dict[str, Key] = {}
    for entry in entries[:MOST_KEYS]:
        if isinstance(entry, dict) and (key := _usable_key(entry)):
            keys.setdefault(entry["kid"], key)
    return keys


def _usable_key(entry: dict[str, Any]) -> Key | None:
    if not isinstance(entry.get("kid"), str):
        return None
    try:
        if entry.get("use", "sig") != "sig" or "verify" not in entry.get("key_ops", ["verify"]):
            return None
        with warnings.catch_warnings(action="ignore"):  # of short keys
            key = import_key(entry)
    except Exception:  # whatever a parser stumbles over
        return None
    if isinstance(key, RSAKey):
        return key if key.public_key.key_size >= SMALLEST_RSA_KEY else None
    return key if isinstance(key, ECKey | OKPKey) else None


def _thumbprints(keys: Mapping[str, Key]) -> dict[str, str]:
    return {name: key.thumbprint() for name, key in keys.items()}
