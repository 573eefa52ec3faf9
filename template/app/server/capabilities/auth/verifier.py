"""Who sent a request: from its `Authorization` header to a `Caller`."""

import re

from starlette.types import Scope

from app.core.auth import Caller, UnauthenticatedError
from app.server.capabilities.auth.claims import caller_of, check_issuer, expires_at, refuse
from app.server.capabilities.auth.introspection import Introspection
from app.server.capabilities.auth.keys import Keys
from app.server.capabilities.auth.memory import Memory
from app.server.capabilities.auth.provider import Provider
from app.server.capabilities.auth.settings import Settings
from app.server.capabilities.auth.signatures import Signatures

LONGEST_TOKEN = 16_384
CREDENTIALS = re.compile(rb"[Bb][Ee][Aa][Rr][Ee][Rr] +([A-Za-z0-9._~+/-]+=*)")
SIGNED = re.compile(rb"eyJ[A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]*){2}")
NO_TOKEN = "Send an access token: `Authorization: Bearer ...`."  # noqa: S105


class Verifier:
    """Remembers tokens that it has verified, until they expire or the issuer's keys change."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.provider = Provider(settings)
        self.keys = Keys(settings, self.provider)
        self.signatures = Signatures(settings, self.keys)
        self.introspection = Introspection(settings, self.provider)
        self.verified = Memory[Caller]()
        self.version = self.keys.version

    async def caller(self, scope: Scope) -> Caller:
        """Raises `UnauthenticatedError`, or `UnavailableError` while the issuer is needed."""
        token = token_of(scope)
        if self.settings.credentials and not SIGNED.fullmatch(token):
            return await self.introspection.caller(token)
        await self.keys.keep_fresh()
        if self.version != self.keys.version:
            self.verified.forget_all()
            self.version = self.keys.version
        if caller := self.verified.recall(token):
            return caller
        claims = await self.signatures.claims_of(token)
        check_issuer(claims, self.settings)
        caller = caller_of(claims, self.settings, subject=claims.get("sub"))
        until = expires_at(claims) + self.settings.oidc_leeway_seconds
        if self.version == self.keys.version:
            self.verified.remember(token, caller, until=until)
        return caller

    async def aclose(self) -> None:
        await self.keys.aclose()
        await self.introspection.aclose()
        await self.provider.aclose()


def token_of(scope: Scope) -> bytes:
    """The token of the one `Authorization` header; none is taken from a query or a body."""
    given = [value for name, value in scope["headers"] if name == b"authorization"]
    if not given:
        raise UnauthenticatedError(NO_TOKEN, reason=None)
    if len(given) > 1:
        raise UnauthenticatedError("Send one Authorization header.", reason="invalid_request")
    if len(given[0]) > LONGEST_TOKEN:
        refuse(f"The token must not be longer than {LONGEST_TOKEN} bytes.")
    if given[0][:6].lower() != b"bearer":
        raise UnauthenticatedError(NO_TOKEN, reason=None)
    if not (credentials := CREDENTIALS.fullmatch(given[0])):
        refuse("The token has characters that no token has.")
    return credentials[1]
