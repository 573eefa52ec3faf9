"""What is wrong with a specification: one sentence, and where in the text it is."""

from collections.abc import Iterable
from difflib import get_close_matches

from fleet.errors import FleetError
from fleet.output import printable

WIDTH = 72


class FieldsError(FleetError):
    """The sentence, the text, and the place of the mistake in it."""

    def __init__(self, sentence: str, text: str, place: int) -> None:
        super().__init__(sentence)
        self.text, self.place = text, place

    def shown(self) -> str:
        """The text, or the part of it around the mistake, above a caret."""
        start = max(0, min(self.place - WIDTH // 2, len(self.text) - WIDTH))
        part = printable(self.text[start : start + WIDTH])
        return f"{part}\n{' ' * (self.place - start)}^"


def nearest(word: str, words: Iterable[str]) -> str:
    """What was meant, or all that there is: the end of a sentence."""
    known = list(words)
    if near := get_close_matches(word.lower(), known, 1, 0.5):
        return f"did you mean {near[0]}?"
    return f"write {', '.join(known[:-1])} or {known[-1]}." if known[1:] else f"write {known[0]}."
