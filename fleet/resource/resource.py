"""A resource: its names, its fields, and what it refers to."""

from collections.abc import Collection
from dataclasses import dataclass

from fleet.resource import names
from fleet.resource.defaults import Default
from fleet.resource.kinds import Kind
from fleet.resource.project import Other


@dataclass(frozen=True)
class Field:
    """`name` is that of the attribute: `customer_id` for `customer:ref(customers)`."""

    name: str
    kind: Kind
    nullable: bool
    default: Default | None
    options: frozenset[str]
    alias: str
    """What `schemas.py` calls its type."""
    values: tuple[str, ...] = ()
    """Those of an enum."""
    python: str = ""
    """The class of an enum."""
    other: Other | None = None
    is_itself: bool = False
    """Whether it refers to its own resource."""

    @property
    def is_required(self) -> bool:
        return not self.nullable and self.default is None

    @property
    def is_mutable(self) -> bool:
        return "immutable" not in self.options

    @property
    def is_secret(self) -> bool:
        return "secret" in self.options

    @property
    def is_reference(self) -> bool:
        return self.other is not None or self.is_itself

    @property
    def is_filter(self) -> bool:
        """Whether lists can have only those with one value of it."""
        return "index" in self.options or self.is_reference

    @property
    def is_search(self) -> bool:
        return "search" in self.options

    @property
    def taken(self) -> str:
        """The type of its value in a request."""
        return f"{self.alias or self.kind.taken}{' | None' if self.nullable else ''}"

    @property
    def answered(self) -> str:
        answered = self.kind.answered or self.kind.python
        return f"{answered}{' | None' if self.nullable else ''}"


@dataclass(frozen=True)
class Order:
    """Of lists: by a column, and by the id where that is the same."""

    column: str = "created_at"
    descending: bool = False

    @property
    def is_by_time(self) -> bool:
        return self.column == "created_at"

    @property
    def key(self) -> str:
        """The class of a row's place."""
        return "Cursor" if self.is_by_time else f"By{names.capital(self.column)}"

    @property
    def listing(self) -> str:
        """What the service calls the list."""
        if self.is_by_time:
            return "NEWEST_FIRST" if self.descending else "OLDEST_FIRST"
        return f"BY_{self.column.upper()}"

    def __str__(self) -> str:
        if self.is_by_time:
            return "newest first" if self.descending else "oldest first"
        last = ", the last first" if self.descending else ""
        return f"by {self.column.replace('_', ' ')}{last}"


@dataclass(frozen=True)
class Resource:
    singular: str
    plural: str
    fields: tuple[Field, ...]
    parent: Other | None = None
    has_auth: bool = False
    order: Order = Order()
    without: Collection[str] = ()
    """Of `etag` and `idempotency`."""

    @property
    def python(self) -> str:
        return names.capital(self.singular)

    @property
    def words(self) -> dict[str, str]:
        """What templates of source call it."""
        one, many = self.singular.replace("_", " "), self.plural.replace("_", " ")
        return {
            "one": self.singular,
            "many": self.plural,
            "One": self.python,
            "One_": one,
            "Many_": many,
            "a_one": names.article(one),
            "A_one": names.article(one).capitalize(),
            "Many": many.capitalize(),
            "path": self.path,
            "parent": self.parent.singular if self.parent else "",
            "parents": self.parent.plural if self.parent else "",
            "Parent": self.parent.python if self.parent else "",
            "a_parent": names.article(self.parent.singular.replace("_", " "))
            if self.parent
            else "",
        }

    @property
    def path(self) -> str:
        own = self.plural.replace("_", "-")
        if not self.parent:
            return f"/{own}"
        return f"/{self.parent.plural.replace('_', '-')}/{{{self.parent.singular}_id}}/{own}"

    @property
    def sorted_by(self) -> Field | None:
        """The field that lists are sorted by; None: they are by time."""
        return next((field for field in self.fields if field.name == self.order.column), None)

    @property
    def has_etag(self) -> bool:
        return "etag" not in self.without

    @property
    def is_idempotent(self) -> bool:
        return "idempotency" not in self.without

    @property
    def answered(self) -> list[Field]:
        return [field for field in self.fields if not field.is_secret]

    @property
    def large(self) -> list[Field]:
        return [field for field in self.answered if field.kind.is_large]

    @property
    def mutable(self) -> list[Field]:
        return [field for field in self.fields if field.is_mutable]

    @property
    def required(self) -> list[Field]:
        return [field for field in self.fields if field.is_required]

    @property
    def filters(self) -> list[Field]:
        return [field for field in self.fields if field.is_filter]

    @property
    def indexed(self) -> list[str]:
        """What has an index with the order of the list behind it; other indexes serve the rest."""
        return [
            field.name
            for field in self.filters
            if not (field.is_reference and "unique" in field.options)
            and field.name != self.order.column
        ]

    @property
    def searches(self) -> list[Field]:
        return [field for field in self.fields if field.is_search]

    @property
    def unique(self) -> list[Field]:
        return [field for field in self.fields if "unique" in field.options]

    @property
    def references(self) -> list[Field]:
        return [field for field in self.fields if field.is_reference]

    @property
    def listed(self) -> str:
        """The schema of a row of a list."""
        return f"{self.python}Summary" if self.large else f"{self.python}Read"
