"""The grammar of fields, of which each sign has one meaning:

    number:str(20) unique, status:enum(draft,placed)=draft, note:text?, customer:ref(customers)

`name:type`, arguments in parentheses, `?` for what may be null, `=` before a default, and options
after a space. What has neither `?` nor `=` is required.
"""

import re
from dataclasses import dataclass

from fleet.resource.mistakes import FieldsError, nearest

OPTIONS = ("unique", "index", "search", "immutable", "secret")
WORD = re.compile(r"[^\s,;():?=\"]+")
QUOTED = re.compile(r'"([^"\n]*)"')
BARE = re.compile(r"[^\s,()\"]+")
MOST = 100


@dataclass(frozen=True)
class Type:
    """A word with its arguments, each a type or a value, as it was written."""

    word: str
    arguments: tuple["Type", ...]
    place: int

    def __str__(self) -> str:
        inside = ",".join(map(str, self.arguments))
        return f"{self.word}({inside})" if self.arguments else self.word


@dataclass(frozen=True)
class Written:
    """A field as it was written; `places` are those of its parts in the text."""

    name: str
    type: Type
    nullable: bool
    default: str | None
    options: tuple[str, ...]
    places: dict[str, int]

    def is_like(self, other: "Written") -> bool:
        """Whether both say the same, wherever they stand."""
        parts = [
            (each.name, str(each.type), each.nullable, each.default, sorted(each.options))
            for each in (self, other)
        ]
        return parts[0] == parts[1]


def parse(text: str) -> list[Written]:
    """Raises `FieldsError`."""
    return _Reader(text).fields()


class _Reader:
    def __init__(self, text: str) -> None:
        self.text, self.place = text, 0

    def fields(self) -> list[Written]:
        found = [self._field()]
        while self._skip(","):
            found.append(self._field())
        if self.text[self.place : self.place + 1] in ("?", "="):
            raise self._mistake("`?` and `=` follow the type without a space, `?` first.")
        if self.place < len(self.text):
            raise self._mistake("A comma comes between two fields.")
        if len(found) > MOST:
            raise self._mistake(f"A resource has {MOST} fields at most.")
        return found

    def _field(self) -> Written:
        name, at = self._word("A field begins with its name, such as number:str(20).")
        places = {"name": at}
        if not self._skip(":", spaces=False):
            raise self._mistake(f"A colon and a type come after a name: {name}:str(20).")
        kind = self._type()
        nullable = self._skip("?", spaces=False)
        places["default"] = self.place + 1
        default = self._default() if self._skip("=", spaces=False) else None
        return Written(name, kind, nullable, default, self._options(places), places)

    def _type(self) -> Type:
        word, at = self._word("A type comes here, such as str(20).", skip=False)
        arguments: list[Type] = []
        if self._skip("(", spaces=False):
            arguments.append(self._argument())
            while self._skip(","):
                arguments.append(self._argument())
            if not self._skip(")"):
                raise self._mistake(f"The arguments of {word} end with a parenthesis.")
        return Type(word, tuple(arguments), at)

    def _argument(self) -> Type:
        self._spaces()
        return self._type()

    def _default(self) -> str:
        for pattern, group in ((QUOTED, 1), (BARE, 0)):
            if match := pattern.match(self.text, self.place):
                self.place = match.end()
                return match[group]
        raise self._mistake('A default comes after "=": a word, or text in double quotes.')

    def _options(self, places: dict[str, int]) -> tuple[str, ...]:
        found: list[str] = []
        while self._spaces() and (match := WORD.match(self.text, self.place)):
            option, at = match[0], self.place
            if option not in OPTIONS:
                raise self._mistake(f'There is no option "{option}": {nearest(option, OPTIONS)}')
            if option in found:
                raise self._mistake(f'The option "{option}" is there twice.')
            places[option], self.place = at, match.end()
            found.append(option)
        return tuple(found)

    def _word(self, sentence: str, *, skip: bool = True) -> tuple[str, int]:
        if skip:
            self._spaces()
        if not (match := WORD.match(self.text, self.place)):
            raise self._mistake(sentence)
        at, self.place = self.place, match.end()
        return match[0], at

    def _skip(self, sign: str, *, spaces: bool = True) -> bool:
        """Whether the sign comes next; a space before it is allowed only where it says nothing."""
        if spaces:
            self._spaces()
        if not self.text.startswith(sign, self.place):
            return False
        self.place += len(sign)
        return True

    def _spaces(self) -> bool:
        before = self.place
        while self.text[self.place : self.place + 1].isspace():
            self.place += 1
        return self.place > before

    def _mistake(self, sentence: str) -> FieldsError:
        return FieldsError(sentence, self.text, self.place)
