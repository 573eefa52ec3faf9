"""The claims of a signed token (JWT), if the issuer signed it as an access token."""

import json
from collections.abc import Mapping
from typing import Any

from joserfc.errors import UnsupportedAlgorithmError
from joserfc.jws import CompactSignature, JWSRegistry, extract_compact, validate_compact

from app.core.auth import UnauthenticatedError
from app.server.capabilities.auth.claims import refuse
from app.server.capabilities.auth.keys import Keys
from app.server.capabilities.auth.settings import Settings

NOT_SIGNED = "The token's signature is not valid."


class _Registry(JWSRegistry):
    """Headers that say more than they must, such as `x5c`, are read and never believed."""

    max_header_length = 8_192

    def get_alg(self, name: str) -> Any:
        """One of those that are allowed, without a warning for each token that says EdDSA."""
        if name not in (self.allowed or ()):
            raise UnsupportedAlgorithmError(name)
        return self.algorithms[name]


class Signatures:
    """Verifies signatures by the issuer's keys alone, never by a key that a token brings along."""

    def __init__(self, settings: Settings, keys: Keys) -> None:
        self.algorithms, self.token_types = settings.algorithms, settings.token_types
        self.keys = keys
        self.registry = _Registry(algorithms=settings.algorithms, strict_check_header=False)

    async def claims_of(self, token: bytes) -> dict[str, Any]:
        """Raises `UnauthenticatedError`, or `UnavailableError` while there are no keys."""
        try:
            signed = extract_compact(token, registry=self.registry)
            header = signed.headers()
        except Exception as error:  # whatever a parser stumbles over
            raise UnauthenticatedError("The token cannot be read.") from error
        key = await self.keys.find(self._checked(header))
        if key.get("alg") not in (None, header["alg"]):
            refuse(NOT_SIGNED)
        try:
            is_valid = validate_compact(signed, key, registry=self.registry)
        except Exception as error:  # such as a key of another type than the algorithm's
            raise UnauthenticatedError(NOT_SIGNED) from error
        if not is_valid:
            refuse(NOT_SIGNED)
        return _claims(signed)

    def _checked(self, header: Mapping[str, Any]) -> str:
        """The id of the key, if the header is an access token's."""
        if header.get("alg") not in self.algorithms:
            refuse("The token is not signed by an algorithm that is taken here.")
        if "crit" in header:
            refuse("The token wants what this service does not understand.")
        kind = header.get("typ", "none")
        if not isinstance(kind, str) or not self._is_access_token(kind.lower()):
            refuse("This is not an access token.")
        key_id = header.get("kid")
        if not isinstance(key_id, str):
            refuse("The token does not name its key.")
        return key_id

    def _is_access_token(self, kind: str) -> bool:
        return kind.removeprefix("application/") in self.token_types


def _claims(signed: CompactSignature) -> dict[str, Any]:
    try:
        claims = json.loads(signed.payload or b"")
    except (ValueError, RecursionError) as error:
        raise UnauthenticatedError("The token cannot be read.") from error
    if not isinstance(claims, dict):
        refuse("The token cannot be read.")
    return claims
