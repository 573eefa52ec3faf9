"""What an opaque token means: the issuer is asked (RFC 7662), and its answer kept for a while."""

import asyncio
import time
from typing import Any

from app.core.auth import Caller, UnauthenticatedError
from app.core.errors import UnavailableError
from app.core.logger import logger
from app.server.capabilities.auth.claims import caller_of, check_issuer, expires_at, refuse
from app.server.capabilities.auth.memory import Memory
from app.server.capabilities.auth.provider import Provider, ProviderError
from app.server.capabilities.auth.settings import Settings

MOST_QUESTIONS = 20
NOT_ACTIVE = "The token is not active."
SECONDS_OF_A_REFUSAL = 5


class Introspection:
    """Requests with one token share one question; at most 20 are asked at a time."""

    def __init__(self, settings: Settings, provider: Provider) -> None:
        self.settings = settings
        self.provider = provider
        self.known = Memory[Caller]()
        self.refused = Memory[str]()
        self.questions: dict[bytes, asyncio.Task[Caller]] = {}

    async def caller(self, token: bytes) -> Caller:
        """Raises `UnauthenticatedError`, or `UnavailableError` while the issuer is away."""
        if caller := self.known.recall(token):
            return caller
        if reason := self.refused.recall(token):
            raise UnauthenticatedError(reason)
        question = self.questions.get(token)
        if question is None:
            if len(self.questions) >= MOST_QUESTIONS:
                raise UnavailableError("Too many new tokens at once. Try again.")
            question = self.questions[token] = asyncio.create_task(self._ask(token))
            question.add_done_callback(lambda _: self.questions.pop(token, None))
        return await asyncio.shield(question)

    async def aclose(self) -> None:
        for question in self.questions.values():
            question.cancel()

    async def _ask(self, token: bytes) -> Caller:
        try:
            answer = await self.provider.introspect(token.decode())
        except ProviderError as error:
            logger.warning("The issuer does not say what a token means.", reason=str(error))
            raise UnavailableError("The issuer is not available now. Try again.") from None
        now = time.time()
        try:
            caller = self._caller(answer)
        except UnauthenticatedError as error:
            self.refused.remember(token, error.detail, until=now + SECONDS_OF_A_REFUSAL)
            raise
        until = min(expires_at(answer), now + self.settings.oidc_introspection_seconds)
        self.known.remember(token, caller, until=until)
        return caller

    def _caller(self, answer: dict[str, Any]) -> Caller:
        if answer.get("active") is not True:
            refuse(NOT_ACTIVE)
        if "iss" in answer:
            check_issuer(answer, self.settings)
        if str(answer.get("token_type", "Bearer")).lower() not in ("bearer", "access_token"):
            refuse("This is not an access token.")
        # A client that acts for itself may have no subject.
        subject = answer.get("sub", answer.get("client_id"))
        return caller_of(answer, self.settings, subject=subject)
