"""A bounded memory of what tokens have turned out to mean. It holds their hashes, never them."""

import time
from collections import OrderedDict
from hashlib import sha256
from typing import Generic, TypeVar

Meaning = TypeVar("Meaning")
MOST_TOKENS = 2_000


class Memory(Generic[Meaning]):
    """Each is forgotten at its time, the one that was used longest ago when there are too many."""

    def __init__(self, most: int = MOST_TOKENS) -> None:
        self.most = most
        self.meanings: OrderedDict[bytes, tuple[Meaning, float]] = OrderedDict()

    def recall(self, token: bytes) -> Meaning | None:
        digest = sha256(token).digest()
        found = self.meanings.get(digest)
        if found is None:
            return None
        if time.time() >= found[1]:
            del self.meanings[digest]
            return None
        self.meanings.move_to_end(digest)
        return found[0]

    def remember(self, token: bytes, meaning: Meaning, *, until: float) -> None:
        """`until` is a Unix time, in seconds."""
        self.meanings[sha256(token).digest()] = (meaning, until)
        if len(self.meanings) > self.most:
            self.meanings.popitem(last=False)

    def forget_all(self) -> None:
        self.meanings.clear()
