"""What must be true of the claims of a token, and who its caller is.

The claims come from the issuer, or from whoever took its place: so nothing here trusts their types.
"""

import time
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NoReturn

from app.core.auth import Caller, UnauthenticatedError
from app.server.capabilities.auth.settings import Settings

LONGEST_SUBJECT = 255
LATEST = 2**53
CLIENT_CLAIMS = ("client_id", "azp", "cid", "appid")  # RFC 9068, OpenID Connect, Okta, Entra ID


def refuse(detail: str) -> NoReturn:
    raise UnauthenticatedError(detail)


def caller_of(claims: Mapping[str, Any], settings: Settings, *, subject: object) -> Caller:
    """The caller. Raises `UnauthenticatedError` for a token that is not for this service now."""
    _check_audience(claims, settings)
    _check_times(claims, settings.oidc_leeway_seconds)
    _check_kind(claims)
    if not isinstance(subject, str) or not 0 < len(subject) <= LONGEST_SUBJECT:
        refuse("The token names no subject.")
    clients = (claims[name] for name in CLIENT_CLAIMS if name in claims)
    client = next((each for each in clients if isinstance(each, str)), None)
    return Caller(subject, client, _scopes(claims, settings.scope_claims), freeze(claims))


def expires_at(claims: Mapping[str, Any]) -> float:
    """The `exp` of claims that were checked."""
    return float(claims["exp"])


def check_issuer(claims: Mapping[str, Any], settings: Settings) -> None:
    if claims.get("iss") != settings.oidc_issuer:
        refuse("The token is from another issuer.")


def _check_audience(claims: Mapping[str, Any], settings: Settings) -> None:
    audience = claims.get(settings.oidc_audience_claim)
    audiences = audience if isinstance(audience, list) else [audience]
    if not all(isinstance(each, str) for each in audiences):
        refuse("The token names no audience.")
    if settings.oidc_audience not in audiences:
        refuse("The token is for another audience.")


def _check_times(claims: Mapping[str, Any], leeway: float) -> None:
    now = time.time()
    expiry = _time(claims, "exp")
    if expiry is None:
        refuse("The token does not expire.")
    if now >= expiry + leeway:
        refuse("The token has expired.")
    for name in ("nbf", "iat"):
        beginning = _time(claims, name)
        if beginning is not None and now < beginning - leeway:
            refuse("The token is not valid yet.")


def _time(claims: Mapping[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if name in claims and (
        isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= LATEST
    ):
        refuse(f"The token's {name} is not a time.")
    return value


def _check_kind(claims: Mapping[str, Any]) -> None:
    """Providers sign ID and refresh tokens too. Each has marks of its own, beside `typ`."""
    kinds = {claims.get("typ"), claims.get("token_use")} if _are_texts(claims) else {"ID"}
    if kinds & {"ID", "id", "Refresh", "Offline"} or not claims.keys().isdisjoint(ID_TOKEN_CLAIMS):
        refuse("This is not an access token.")
    if "cnf" in claims:
        refuse("The token is bound to a key of its client, which this service does not check.")


ID_TOKEN_CLAIMS = ("at_hash", "c_hash")


def _are_texts(claims: Mapping[str, Any]) -> bool:
    return all(isinstance(claims.get(name, ""), str) for name in ("typ", "token_use"))


def _scopes(claims: Mapping[str, Any], names: Sequence[str]) -> frozenset[str]:
    return frozenset(scope for name in names for scope in _scopes_in(_find(claims, name)))


def _scopes_in(value: object) -> list[str]:
    """Text with spaces between, as in RFC 9068, or a list."""
    if value is None:
        return []
    scopes = value.split() if isinstance(value, str) else value
    if not isinstance(scopes, list) or not all(isinstance(scope, str) for scope in scopes):
        refuse("The token's scopes are not text.")
    return scopes


def _find(claims: Mapping[str, Any], name: str) -> object:
    """The claim of that name; else `realm_access.roles` is the `roles` in `realm_access`."""
    if name in claims:
        return claims[name]
    found: object = claims
    for part in name.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def freeze(value: Any) -> Any:
    """Requests share what was verified once: none may change it for the next."""
    if isinstance(value, Mapping):
        return MappingProxyType({key: freeze(each) for key, each in value.items()})
    return tuple(map(freeze, value)) if isinstance(value, list) else value
