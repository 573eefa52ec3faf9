"""Defaults, as source: of the schema, of the column, and in the answer."""

import json
import re
from dataclasses import dataclass
from decimal import Decimal

from fleet.resource.grammar import Type

DIGITS = re.compile(r"-?\d+")
NUMBER = re.compile(r"-?\d+(\.\d+)?")
LONGEST = 40


@dataclass(frozen=True)
class Default:
    schema: str
    server: str
    answer: str


def default(kind: Type, text: str, python: str) -> Default | str:
    """The default that `text` is for a type; why it is none, the end of a sentence."""
    read = {
        "str": _line, "text": _text, "int": _whole, "bigint": _whole, "decimal": _decimal,
        "float": _float, "bool": _bool, "json": _json, "array": _array,
    }.get(kind.word)  # fmt: skip
    if kind.word == "enum":
        return _choice(kind, text, python)
    return read(kind, text) if read else f"takes no default: {kind.word} has none that lasts."


def _numbers(kind: Type) -> list[int]:
    return [int(argument.word) for argument in kind.arguments]


def _line(kind: Type, text: str) -> Default | str:
    length = _numbers(kind)[0]
    if len(text) > length or not text.strip() or not text.isprintable():
        return f'cannot be "{text}": it is a line of 1 to {length} characters.'
    return _quoted(text.strip())


def _text(kind: Type, text: str) -> Default | str:
    length = _numbers(kind)[0]
    return _quoted(text) if len(text) <= length else f"has {length} characters at most."


def _quoted(text: str) -> Default | str:
    if set(text) & {"'", "\\"}:  # Alembic compares such a default as broken SQL
        return "has neither ' nor \\ in it."
    source = json.dumps(text, ensure_ascii=False)
    return Default(source, source, source)


def _whole(kind: Type, text: str) -> Default | str:
    low, high = _numbers(kind) or ((-(2**31), 2**31 - 1) if kind.word == "int" else BIG)
    if len(text) > LONGEST or not DIGITS.fullmatch(text) or not low <= int(text) <= high:
        return f'cannot be "{text}": it is a whole number from {low} to {high}.'
    return Default(str(int(text)), f'"{int(text)}"', str(int(text)))


def _decimal(kind: Type, text: str) -> Default | str:
    digits, places = _numbers(kind)
    whole, _, fraction = text.lstrip("-").partition(".")
    fits = len(whole.lstrip("0")) <= digits - places and len(fraction.rstrip("0")) <= places
    if not NUMBER.fullmatch(text) or not fits:
        return f'cannot be "{text}": it has {digits} digits at most, {places} after the point.'
    written = f"{Decimal(text):.{places}f}"
    value = f'"{written}"' if places else written
    return Default(f"Decimal({value})", f'"{written}"', f'"{written}"')


def _float(_: Type, text: str) -> Default | str:
    if len(text) > LONGEST or not NUMBER.fullmatch(text):
        return f'cannot be "{text}": it is a number such as 0.5.'
    return Default(repr(float(text)), f'"{float(text)!r}"', repr(float(text)))


def _bool(_: Type, text: str) -> Default | str:
    if text not in ("true", "false"):
        return f'cannot be "{text}": it is true or false.'
    return Default(text.title(), f'"{text}"', text.title())


def _choice(kind: Type, text: str, python: str) -> Default | str:
    values = [argument.word for argument in kind.arguments]
    if text not in values:
        return f'cannot be "{text}": it is {" or ".join(values)}.'
    return Default(f"{python}.{member(text)}", f'"{text}"', f'"{text}"')


def _json(_: Type, text: str) -> Default | str:
    if text != "{}":
        return f'cannot be "{text}": it is {{}} where it has a default.'
    return Default("Field(default={})", '"{}"', "{}")


def _array(_: Type, text: str) -> Default | str:
    if text != "[]":
        return f'cannot be "{text}": it is [] where it has a default.'
    return Default("Field(default=[])", '"{}"', "[]")


BIG = (-(2**53) + 1, 2**53 - 1)


def member(value: str) -> str:
    """The name in Python of a value of an enum."""
    return value.replace("-", "_").upper()
