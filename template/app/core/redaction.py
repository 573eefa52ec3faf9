"""Removes credentials from text that is about to be logged, in time linear in its length.

Each pattern begins with a fixed word and consumes all that it has read, so that no part of a text
is read twice: a client decides what some lines contain.
"""

import re
from collections.abc import Iterable

REDACTED = "***"
LONGEST_VALUE = 10_000
LONGEST_SECRET = 4_000

URL = re.compile(r"""://[^\s'"\\]+""")
PARAMETER = re.compile(
    r"""([?&#;][\w.-]*(?:passw(?:or)?d|token|secret|key|signature|credential)=)[^\s'"\\&#;]+""",
    re.IGNORECASE,
)
JWT = re.compile(r"(?<![\w-])eyJ[\w.-]*")
# A header as text, in a dict, in JSON, and in JSON that is part of a line of JSON: its value ends
# with the quote that opened it, else with the line.
HEADER = re.compile(
    r"""((?:authorization|cookie|api[-_]?key|auth[-_]token)\\*["']?\s*[:=,]\s*(?:b(?=["']))?)"""
    r"""(?:(")(?:[^"\\]|\\.)*|(\\")(?:[^"\\]|\\\\(?:\\")?|\\[^"\\])*|(')(?:[^'"\\]|\\.)*"""
    r"""|(?:[^"'\\\r\n]|\\["'\\/])(?:[^"\\\r\n]|\\["'\\/])*)""",
    re.IGNORECASE,
)


class Redaction:
    """Replaces these secrets by `***`, and every credential that its form gives away."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self.words = sorted(secrets, key=len, reverse=True)
        words = "|".join(map(re.escape, self.words))
        self.secrets = re.compile(rf"(?<!\w)(?:{words})(?!\w)")

    def redact(self, text: str) -> str:
        # Most texts hold no secret, and these checks take a tenth of a substitution's time.
        if any(word in text for word in self.words):
            text = self.secrets.sub(REDACTED, text)
        if "://" in text:
            text = URL.sub(_without_user_information, text)
        if "=" in text:
            text = PARAMETER.sub(rf"\1{REDACTED}", text)
        if "eyJ" in text:
            text = JWT.sub(lambda token: REDACTED if "." in token[0] else token[0], text)
        if "key" in (low := text.lower()) or "token" in low or "cookie" in low or "auth" in low:
            text = HEADER.sub(_without_value, text)
        return text

    def shorten(self, text: str) -> str:
        """The first and the last 5,000 characters, redacted; the rest is only counted.

        Half a secret has lost the form that gives it away: so what is redacted reaches as far
        beyond each cut as a secret is long.
        """
        half = LONGEST_VALUE // 2
        beginning = self.redact(text[: half + LONGEST_SECRET])[:-LONGEST_SECRET]
        end = self.redact(text[-half - LONGEST_SECRET :])[LONGEST_SECRET:]
        return f"{beginning} [{len(text) - LONGEST_VALUE} characters] {end}"


def _without_user_information(url: re.Match[str]) -> str:
    """`://user:***@host`: in the password, also a `/` and an `@` that ought to be encoded."""
    user_information, at, rest = url[0][3:].rpartition("@")
    user, colon, _ = user_information.partition(":")
    if not at or "/" in (user if colon else user_information):
        return url[0]
    return f"://{user if colon else ''}{colon}{REDACTED}@{rest}"


def _without_value(header: re.Match[str]) -> str:
    name, *quotes = header.groups(default="")
    return f"{name}{''.join(quotes)}{REDACTED}"
