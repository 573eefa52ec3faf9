"""Reads a specification into a resource."""

import re
from collections.abc import Iterator
from dataclasses import replace

from fleet.errors import FleetError
from fleet.resource import defaults, grammar, kinds, names, words
from fleet.resource.grammar import Written
from fleet.resource.kinds import Kind
from fleet.resource.mistakes import FieldsError, nearest
from fleet.resource.project import Other, Project
from fleet.resource.record import Recorded
from fleet.resource.resource import Field, Order, Resource
from fleet.resource.rules import require_free, require_whole
from fleet.resource.types import Types

VARIED_ENOUGH = 1000
PARTS = ("etag", "idempotency")
SORTED = ("str", "int", "bigint", "decimal", "date", "datetime")


def read(project: Project, singular: str, asked: Recorded) -> Resource:
    """Raises FleetError, which is a `FieldsError` if it is one of the fields."""
    project.require_core()
    plural = _plural(singular, asked.plural)
    require_free(project, singular, plural)
    resource = _resource(project, singular, asked.model_copy(update={"plural": plural}))
    require_whole(project, resource)
    return resource


def read_again(
    project: Project, singular: str, before: Recorded, fields: str
) -> tuple[Resource, Resource]:
    """A resource that is there, as it was and as it shall be. Raises FleetError."""
    project.require_core()
    after = before.model_copy(update={"fields": fields})
    old, new = (_resource(project, singular, asked) for asked in (before, after))
    require_whole(project, new, old)
    return old, new


def _resource(project: Project, singular: str, asked: Recorded) -> Resource:
    parent = _parent(project, asked.under) if asked.under else None
    reader = _Reader(project, singular, asked.plural, asked.fields)
    written = grammar.parse(asked.fields)
    fields = tuple(_without_clash([reader.field(each) for each in written]))
    order, without = _order(asked.sort, written), _without(asked.without)
    return Resource(singular, asked.plural, fields, parent, project.has_auth, order, without)


def _without_clash(fields: list[Field]) -> Iterator[Field]:
    """The fields, none of whose types is called like a class that another refers to."""
    others = {field.other.python for field in fields if field.other}
    for field in fields:
        yield replace(field, alias=f"{field.alias}Value") if field.alias in others else field


def _order(sort: str, fields: list[Written]) -> Order:
    column = sort.removeprefix("-")
    order = Order(column or "created_at", sort.startswith("-"))
    if order.is_by_time:
        return order
    sortable = [field.name for field in fields if field.type.word in SORTED and not field.nullable]
    if column not in sortable:
        there = nearest(column, ["created_at", *sortable])
        raise FleetError(f'Lists cannot be sorted by "{column}": {there}')
    if "secret" in next(field.options for field in fields if field.name == column):
        raise FleetError(f"Lists cannot be sorted by {column}, which is secret.")
    return order


def _without(text: str) -> tuple[str, ...]:
    for part in (parts := re.findall(r"[^\s,]+", text)):
        if part not in PARTS:
            raise FleetError(f'A resource cannot be without "{part}": {nearest(part, PARTS)}')
    return tuple(part for part in PARTS if part in parts)


def _plural(singular: str, plural: str) -> str:
    for name in (singular, plural or singular):
        if why := names.refused(name):
            raise FleetError(f'The name "{name}" {why}{names.mended(name)}.')
        if len(name) > names.LONGEST:
            raise FleetError(f'The name "{name}" has more than {names.LONGEST} bytes.')
    if not plural and names.looks_plural(singular):
        raise FleetError(f'"{singular}" looks like a plural: name one of them, or give plural=.')
    many = plural or names.plural(singular)
    if many == singular:
        raise FleetError(f'The plural of "{singular}" must be another word.')
    for name in (singular, many):
        if names.is_used(name):
            raise FleetError(f'"{name}" is what the code calls something else: choose another.')
    return many


def _parent(project: Project, under: str) -> Other:
    parent = _other(project, under)
    if "{" in parent.path:
        raise FleetError(f"{under} is under another resource itself: write a field ref({under}).")
    project.require_function(f"app/{under}/service.py", f"get_{parent.singular}")
    return parent


def _other(project: Project, plural: str) -> Other:
    if plural not in project.resources:
        there = nearest(plural, project.resources or ["another name"])
        raise FleetError(f"There is no app/{plural}/models.py: {there}")
    return project.other(plural)


class _Reader:
    def __init__(self, project: Project, singular: str, plural: str, text: str) -> None:
        self.project, self.singular, self.plural, self.text = project, singular, plural, text
        self.types = Types(text, singular)
        self.seen: set[str] = set()

    def field(self, written: Written) -> Field:
        kind = self.types.kind(written)
        other = self._reference(written) if written.type.word == "ref" else None
        is_itself = written.type.word == "ref" and other is None
        if other:
            kind = kinds.reference(f'(await create_{other.singular}(client))["id"]')
        elif is_itself:
            kind = kinds.reference("None")
        return Field(
            name=self._name(written),
            kind=kind,
            nullable=written.nullable,
            default=self._default(written),
            options=self._options(written, kind),
            alias=self._alias(written, kind),
            values=_values(written),
            python=self.types.python_of(written.name) if _values(written) else "",
            other=other,
            is_itself=is_itself,
        )

    def _name(self, written: Written) -> str:
        name, is_reference = written.name, written.type.word == "ref"
        if why := names.refused_attribute(name):
            other = f"{self.singular}_{name}"
            hint = "" if name == "l" or names.refused_attribute(other) else f": try {other}"
            raise self._mistake(f'The field "{name}" {why}{hint}.', written, "name")
        if is_reference and name.endswith("_id"):
            raise self._mistake(
                f'"_id" is added to the name of a reference: {name[:-3]}:{written.type}.',
                written,
                "name",
            )
        name = f"{name}_id" if is_reference else name
        if name in self.seen:
            raise self._mistake(f'There are two fields "{name}".', written, "name")
        self.seen.add(name)
        return name

    def _reference(self, written: Written) -> Other | None:
        """What the field refers to; None if that is its own resource."""
        [target] = written.type.arguments
        if target.word == self.plural:
            if not written.nullable:
                sentence = f"The first of {self.plural} has none to refer to: write `?` after it."
                raise FieldsError(sentence, self.text, target.place)
            return None
        try:
            return _other(self.project, target.word)
        except FleetError as error:
            raise FieldsError(str(error), self.text, target.place) from error

    def _default(self, written: Written) -> defaults.Default | None:
        if written.default is None:
            return None
        python = self.types.python_of(written.name)
        kind = written.type
        if kind.word == "text" and not kind.arguments:
            kind = grammar.parse("a:text(10000)")[0].type
        found = defaults.default(kind, written.default, python)
        if isinstance(found, str):
            raise self._mistake(f"The default of {written.name} {found}", written, "default")
        if "unique" in written.options:
            raise self._mistake("What is unique can have no default.", written, "default")
        return found

    def _options(self, written: Written, kind: Kind) -> frozenset[str]:
        options = frozenset(written.options)
        for option in written.options:
            if option not in kind.can | {"immutable", "secret"}:
                sentence = f"A field of type {written.type.word} cannot be {option}."
                if option == "search":
                    sentence = "Only str, of 500 characters at most, can be searched."
                raise self._mistake(sentence, written, option)
        if "secret" in options and options & {"unique", "index", "search"}:
            raise self._mistake("What is secret cannot be found.", written, "secret")
        if "unique" in options and kind.varied < VARIED_ENOUGH:
            sentence = f"There are only {kind.varied} values of {written.name}."
            raise self._mistake(sentence, written, "unique")
        if "secret" in options and written.type.word == "ref":
            raise self._mistake("What refers to others cannot be secret.", written, "secret")
        return options

    def _alias(self, written: Written, kind: Kind) -> str:
        """A name for a type that takes more than one, as `Attributes` in the example."""
        if not kind.taken.startswith("Annotated"):
            return ""
        name = names.capital(written.name)
        own = {f"{names.capital(self.singular)}{end}" for end in ("", *words.SCHEMAS)}
        return f"{name}Value" if name in words.IN_SCHEMAS | own else name

    def _mistake(self, sentence: str, written: Written, part: str) -> FieldsError:
        return FieldsError(sentence, self.text, written.places[part])


def _values(written: Written) -> tuple[str, ...]:
    """Those of an enum, or of an array of one."""
    kind = written.type
    if kind.word == "array":
        kind = kind.arguments[0]
    return tuple(value.word for value in kind.arguments) if kind.word == "enum" else ()
