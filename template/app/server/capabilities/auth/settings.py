"""Whose access tokens are taken, and how they look."""

import re
from typing import Annotated, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator

from app.core.config import EnvironmentName, EnvironmentSettings

ISSUER = re.compile(r"https?://(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::\d+)?(?:/[^\s?#\\]*)?")
# Asymmetric alone: who can verify by a shared secret can sign with it as well.
ALGORITHMS = {f"{family}{bits}" for family in ("RS", "PS", "ES") for bits in (256, 384, 512)}
ALGORITHMS |= {"EdDSA", "Ed25519"}


def _check_issuer(issuer: str) -> str:
    if not ISSUER.fullmatch(issuer):
        raise ValueError("Set it to the issuer's URL, as its tokens have it in `iss`.")
    return issuer


def _check_text(text: str) -> str:
    if not text.strip() or text != text.strip():
        raise ValueError("It must not be empty, nor begin or end with a space.")
    return text


def _split(text: str) -> tuple[str, ...]:
    return tuple(filter(None, map(str.strip, text.split(","))))


def _check_list(text: str) -> str:
    if not _split(text):
        raise ValueError("Name one at least, with commas between them.")
    return text


def _check_algorithms(text: str) -> str:
    for name in _split(_check_list(text)):
        if name not in ALGORITHMS:
            known = ", ".join(sorted(ALGORITHMS))
            raise ValueError(f"{name!r} is not an asymmetric algorithm. Choose from {known}.")
    return text


List = Annotated[str, AfterValidator(_check_list)]


class Settings(EnvironmentSettings):
    """The settings of `auth=oidc`."""

    environment: EnvironmentName = "local"

    oidc_issuer: Annotated[str, AfterValidator(_check_issuer)]
    oidc_audience: Annotated[str, AfterValidator(_check_text)]
    oidc_token_types: List = "at+jwt"  # noqa: S105  # no secret
    oidc_algorithms: Annotated[str, AfterValidator(_check_algorithms)] = "RS256,PS256,ES256,EdDSA"
    oidc_scope_claim: List = "scope"
    oidc_audience_claim: Annotated[str, AfterValidator(_check_text)] = "aud"
    oidc_leeway_seconds: float = Field(default=30, ge=0, le=300)

    oidc_timeout_seconds: float = Field(default=3, gt=0, le=30)
    oidc_keys_seconds: float = Field(default=300, ge=10, le=86_400)
    oidc_stale_keys_seconds: float = Field(default=14_400, ge=0, le=604_800)

    oidc_client_id: str | None = None
    oidc_client_secret: SecretStr | None = None
    oidc_introspection_seconds: float = Field(default=60, ge=0, le=3600)

    @property
    def may_be_plain(self) -> bool:
        """Whether `http://` is taken: where nobody else's tokens are at stake."""
        return self.environment in ("local", "test")

    @property
    def credentials(self) -> tuple[str, str] | None:
        """Who asks for the meaning of an opaque token; None where those are refused."""
        if self.oidc_client_id is None or self.oidc_client_secret is None:
            return None
        return self.oidc_client_id, self.oidc_client_secret.get_secret_value()

    @property
    def token_types(self) -> frozenset[str]:
        return frozenset(map(str.lower, _split(self.oidc_token_types)))

    @property
    def algorithms(self) -> tuple[str, ...]:
        return _split(self.oidc_algorithms)

    @property
    def scope_claims(self) -> tuple[str, ...]:
        return _split(self.oidc_scope_claim)

    @model_validator(mode="after")
    def _refuse_unsafe_combinations(self) -> Self:
        if self.oidc_issuer.startswith("http://") and not self.may_be_plain:
            raise ValueError(
                f"OIDC_ISSUER begins with http:// in {self.environment}, where anybody on the way"
                " could replace its keys: set it to an https:// URL, or set ENVIRONMENT=local."
            )
        if (self.oidc_client_id is None) != (self.oidc_client_secret is None):
            raise ValueError(
                "OIDC_CLIENT_ID and OIDC_CLIENT_SECRET go together: the issuer tells a client with"
                " both what an opaque token means. Set both, or neither."
            )
        return self
