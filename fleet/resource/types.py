"""Types as they were written, checked: each with arguments that it can have."""

from fleet.resource import kinds
from fleet.resource.defaults import member
from fleet.resource.grammar import Type, Written
from fleet.resource.kinds import Kind
from fleet.resource.mistakes import FieldsError, nearest
from fleet.resource.names import LONGEST, refused

WORDS = ("str", "text", "int", "bigint", "decimal", "float", "bool", "date", "datetime",
         "duration", "uuid", "enum", "json", "array", "ref")  # fmt: skip
MEANT = {
    "string": "str", "varchar": "str", "char": "str", "integer": "int", "boolean": "bool",
    "numeric": "decimal", "number": "decimal", "money": "decimal", "double": "float",
    "real": "float", "timestamp": "datetime", "timestamptz": "datetime", "time": "datetime",
    "timedelta": "duration", "interval": "duration", "dict": "json", "jsonb": "json",
    "object": "json", "list": "array", "references": "ref", "reference": "ref",
    "belongs_to": "ref", "fk": "ref", "choice": "enum", "long": "bigint",
}  # fmt: skip


class Types:
    """Reads the types of one resource's fields."""

    def __init__(self, text: str, resource: str) -> None:
        self.text, self.resource = text, resource

    def kind(self, field: Written) -> Kind:
        """Raises `FieldsError`."""
        return self._kind(field.name, field.type)

    def _kind(self, name: str, type_: Type) -> Kind:
        if type_.word not in WORDS:
            meant = MEANT.get(type_.word.lower())
            hint = f"did you mean {meant}?" if meant else nearest(type_.word, WORDS)
            raise self._mistake(f'There is no type "{type_.word}": {hint}', type_)
        if type_.word in kinds.FIXED:
            if type_.arguments:
                raise self._mistake(f"{type_.word} takes no arguments.", type_.arguments[0])
            return kinds.FIXED[type_.word]()
        kind: Kind = getattr(self, f"_{type_.word}")(name, type_)
        return kind

    def _str(self, name: str, type_: Type) -> Kind:
        [length] = self._numbers(type_, "str(100), the most characters", (1, 1000))
        return kinds.line(name, length)

    def _text(self, name: str, type_: Type) -> Kind:
        given = self._numbers(type_, "text(10000), the most characters", (1, 100_000), least=0)
        return kinds.text(name, given[0] if given else 10_000)

    def _int(self, _: str, type_: Type) -> Kind:
        bounds = self._bounds(type_, 2**31 - 1, -(2**31))
        return kinds.whole(*kinds.INTEGER, bounds)

    def _bigint(self, _: str, type_: Type) -> Kind:
        bounds = self._bounds(type_, 2**53 - 1, -(2**53) + 1)
        return kinds.whole(*kinds.BIG_INTEGER, bounds)

    def _bounds(self, type_: Type, most: int, least: int) -> tuple[int, int] | None:
        form = f"{type_.word}(0,100), the least and the most"
        given = self._numbers(type_, form, (least, most), (least, most), least=0)
        if len(given) == 1:
            raise self._mistake(f"Write {form}.", type_)
        if given and given[0] >= given[1]:
            raise self._mistake("The most must be more than the least.", type_.arguments[1])
        return (given[0], given[1]) if given else None

    def _decimal(self, _: str, type_: Type) -> Kind:
        form = "decimal(12,2), all digits and those after the point"
        digits, places = self._numbers(type_, form, (1, 38), (0, 38))
        if places > digits:
            raise self._mistake(f"Write {form}.", type_.arguments[1])
        return kinds.decimal(digits, places)

    def _enum(self, name: str, type_: Type) -> Kind:
        values = tuple(argument.word for argument in type_.arguments)
        if len(values) < 2:
            raise self._mistake("An enum has two values at least: enum(draft,placed).", type_)
        for argument in type_.arguments:
            why = refused(argument.word.replace("-", "_")) if argument.word != "none" else None
            if argument.arguments or (why and "Python" not in why):
                raise self._mistake(f'The value "{argument}" {why or "is a word"}.', argument)
            if len(argument.word) > LONGEST:
                raise self._mistake(f"A value has {LONGEST} bytes at most.", argument)
        if len({member(value) for value in values}) < len(values):
            raise self._mistake("Two values of the enum are the same.", type_)
        return kinds.choice(self.python_of(name), self._column_of(name), values)

    def python_of(self, name: str) -> str:
        """The class of an enum."""
        return "".join(part.capitalize() for part in f"{self.resource}_{name}".split("_"))

    def _column_of(self, name: str) -> str:
        enum, type_name = self.python_of(name), f"{self.resource}_{name}"
        return f'Enum({enum}, name="{type_name}", values_callable=_values)'

    def _array(self, name: str, type_: Type) -> Kind:
        form = "array(str(20)), or array(str(20),10) of ten at most"
        if len(type_.arguments) not in (1, 2):
            raise self._mistake(f"Write {form}.", type_)
        element, *most = type_.arguments
        if element.word in ("array", "json", "ref"):
            raise self._mistake(f"There are no arrays of {element.word}.", element)
        return kinds.array(
            self._kind(name, element), self._number(most[0], 1, 1000) if most else 100
        )

    def _ref(self, _: str, type_: Type) -> Kind:
        if len(type_.arguments) != 1:
            raise self._mistake("Write ref(customers), the folder of the resource.", type_)
        return kinds.reference("")

    def _numbers(
        self, type_: Type, form: str, *bounds: tuple[int, int], least: int | None = None
    ) -> list[int]:
        """The arguments. `least`: how many there must be, if not all."""
        count = len(type_.arguments)
        if count > len(bounds) or count < (len(bounds) if least is None else least):
            raise self._mistake(f"Write {form}.", type_)
        pairs = zip(type_.arguments, bounds, strict=False)
        return [self._number(argument, *limits) for argument, limits in pairs]

    def _number(self, argument: Type, least: int, most: int) -> int:
        text = argument.word
        if argument.arguments or not text.removeprefix("-").isdecimal() or not text.isascii():
            raise self._mistake(f'"{argument}" is not a whole number.', argument)
        if not least <= int(text[:40]) <= most:
            raise self._mistake(f"{text} is not between {least} and {most}.", argument)
        return int(text)

    def _mistake(self, sentence: str, at: Type) -> FieldsError:
        return FieldsError(sentence, self.text, at.place)
