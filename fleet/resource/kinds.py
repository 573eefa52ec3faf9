"""What the types are in Python, in Postgres, in requests and in tests: as source of each."""

from collections.abc import Callable
from dataclasses import dataclass

INTEGER = ("Integer", "2**31 - 1", "-(2**31)")
BIG_INTEGER = ("BigInteger", "2**53 - 1", "-(2**53) + 1")
"""What every reader of JSON keeps exact."""


@dataclass(frozen=True)
class Kind:
    """A type with its arguments. Examples are made of the variable `number`."""

    column: str
    """Of SQLAlchemy."""
    python: str
    """Of the attribute, and of the value in an answer."""
    taken: str
    """What a request may have."""
    example: str
    refused: tuple[str, ...]
    """What a request may not have."""
    accepted: tuple[str, ...] = ()
    """What it may just have."""
    varied: int = 1_000_000
    """How many examples differ."""
    check: str = ""
    """A condition of the column `{}`."""
    answered: str = ""
    """The value in an answer, where it differs from `python`."""
    is_large: bool = False
    """Whether lists leave it out."""
    can: frozenset[str] = frozenset()
    """The options that it takes, beside `immutable` and `secret`."""


KEYS = frozenset({"unique", "index"})


def line(name: str, length: int) -> Kind:
    taken = "Name" if length == 100 else f"Annotated[Line, Field(max_length={length:_})]"
    example = f'f"{name} {{number}}"' if length > len(name) + 6 else f'f"{{number % {10**length}}}"'
    refused = ('""', '" "', f'"x" * {length + 1}', r'"a\0b"')
    can = KEYS | {"search"} if length <= 500 else frozenset[str]()
    varied = 10 ** min(length, 6)
    accepted = (f'"x" * {length:_}',)
    return Kind(f"String({length})", "str", taken, example, refused, accepted, varied, can=can)


def text(name: str, length: int) -> Kind:
    taken = f"Annotated[Text, Field(max_length={length:_})]"
    refused = (f'"x" * {length + 1:_}', r'"a\0b"')
    accepted = ('""', f'"x" * {length:_}', *([r'"a\nb"'] if length > 2 else []))
    example = f'f"{name} {{number}}"' if length > len(name) + 6 else f'f"{{number % {10**length}}}"'
    varied = 10 ** min(length, 6)
    return Kind("Text", "str", taken, example, refused, accepted, varied, is_large=True)


def whole(column: str, largest: str, least: str, bounds: tuple[int, int] | None) -> Kind:
    if bounds is None:
        taken = f"Annotated[int, Field(ge={least}, le={largest})]"
        refused = ('"many"', "0.5", f"{least} - 1", f"{largest} + 1")
        return Kind(column, "int", taken, "number", refused, (least, largest), can=KEYS)
    low, high = bounds
    varied = high - low + 1
    return Kind(
        column,
        "int",
        f"Annotated[int, Field(ge={low}, le={high})]",
        f"{low} + number % {varied}" if low else f"number % {varied}",
        ('"many"', "0.5", str(low - 1), str(high + 1)),
        (str(low), str(high)),
        varied,
        check=f"{{}} BETWEEN {low} AND {high}",
        can=KEYS,
    )


def decimal(digits: int, places: int) -> Kind:
    taken = f"Annotated[Decimal, Field(max_digits={digits}, decimal_places={places})]"
    most, part = 10 ** min(digits - places, 6), "5".ljust(places, "0")[:places]
    largest = f"{'9' * (digits - places) or '0'}{'.' if places else ''}{'9' * places}"
    if digits == places:
        most, example = 10 ** min(places, 6), f'f"0.{{number % {10 ** min(places, 6)}:0{places}}}"'
    else:
        point = f".{part}" if places else ""
        example = f'f"{{number % {most:_}}}{point}"'
    refused = ('"NaN"', f'"1{"0" * (digits - places)}"', f'"0.{"0" * places}1"', '"much"')
    return Kind(
        f"Numeric({digits}, {places})",
        "Decimal",
        taken,
        example,
        refused,
        (f'"{largest}"', f'"-{largest}"'),
        varied=most,
        can=KEYS,
    )


def choice(python: str, column: str, values: tuple[str, ...]) -> Kind:
    listed = ", ".join(f'"{value}"' for value in values)
    many = f"[{listed}][number % {len(values)}]"
    example = many if values[1:] else listed
    refused = ('"unheard-of"', "1")
    return Kind(column, python, python, example, refused, varied=len(values), can=INDEX)


def array(element: Kind, most: int) -> Kind:
    refused = ('"text"', "[None]", f"[{element.refused[0]}]")
    return Kind(
        f"ARRAY({element.column})",
        f"list[{element.python}]",
        f"Annotated[list[{element.taken}], Field(max_length={most})]",
        f"[{element.example}]",
        refused,
        is_large=True,
    )


def reference(of: str) -> Kind:
    return Kind("", "uuid.UUID", "uuid.UUID", of, ('"1"',), can=KEYS)


INDEX = frozenset({"index"})
FIXED: dict[str, Callable[[], Kind]] = {
    "float": lambda: Kind("Double", "float", "FiniteFloat", "number + 0.5", ('"nan"', '"much"')),
    "bool": lambda: Kind(
        "Boolean", "bool", "bool", "number % 2 == 0", ('"perhaps"', "2"), varied=2, can=INDEX
    ),
    "date": lambda: Kind(
        "Date", "date", "date", "str(date(2026, 1, 1) + timedelta(number))",
        ('"2026-02-30"', '"soon"'), can=KEYS,
    ),
    "datetime": lambda: Kind(
        "DateTime(timezone=True)", "datetime", "AwareDatetime",
        'f"{datetime(2026, 1, 1) + timedelta(minutes=number):%Y-%m-%dT%H:%M:%SZ}"',
        ('"2026-01-01T12:00:00"', '"soon"'), can=KEYS,
    ),
    "duration": lambda: Kind(
        "Interval", "timedelta",
        # A year of a duration is one of calendars, and pydantic writes 365 days as one.
        "Annotated[timedelta, Field(ge=timedelta(0), lt=timedelta(days=365))]",
        'f"PT{1 + number % 59}S"', ('"long"', '"-PT1S"', '"P1Y"'), ('"PT0S"', '"P364D"'), varied=59,
    ),
    "uuid": lambda: Kind(
        "Uuid", "uuid.UUID", "uuid.UUID", "str(uuid.UUID(int=number))", ('"1"',), can=KEYS
    ),
    "json": lambda: Kind(
        "JSONB", "dict[str, Any]", "Json", '{"key": number}', ("[]", '{"size": 1e300}'),
        answered="dict[str, JsonValue]", is_large=True,
    ),
}  # fmt: skip
