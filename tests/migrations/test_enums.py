"""`make migration` after an enum has changed: the order is the model's, and a table is rewritten
only where Postgres cannot do without.
"""

import pytest

from tests.faults.postgres import FaultyPostgres
from tests.migrations.project import Project
from tests.migrations.test_commands import NOTHING, body, write_migration
from tests.migrations.test_service_tests import run_tests
from tests.support.serving import sql

pytestmark = pytest.mark.slow

MODELS = '''"""The table of orders."""

from enum import StrEnum

from sqlalchemy import ARRAY, CheckConstraint, Enum, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.database import Base


class Status(StrEnum):
    {status}


class Colour(StrEnum):
    {colour}


def values(members: type[StrEnum]) -> list[str]:
    return [member.value for member in members]


COLOUR = Enum(Colour, name="colour", values_callable=values)


class Order(Base):
    __tablename__ = "order"

    id: Mapped[int] = mapped_column(primary_key=True)
    status: Mapped[Status] = mapped_column(
        Enum(Status, name="order_status", values_callable=values), server_default="placed"
    )
    colour: Mapped[Colour | None] = mapped_column(COLOUR)
    colours: Mapped[list[Colour]] = mapped_column(ARRAY(COLOUR), server_default="{{}}")

    __table_args__ = (
        CheckConstraint("colour <> 'red' OR status <> 'placed'", name="no_red"),
        Index(None, "id", unique=True, postgresql_where=text("status = 'placed'")),
    )
'''


def write_models(project: Project, status: str, colour: str) -> None:
    """Give the enums these values, of which the names in Python are upper case."""

    def members(values: str) -> str:
        return "\n    ".join(f'{value.upper()} = "{value}"' for value in values.split())

    folder = project.folder / "app" / "orders"
    folder.mkdir(exist_ok=True)
    (folder / "__init__.py").touch()
    text = MODELS.format(status=members(status), colour=members(colour))
    (folder / "models.py").write_text(text)


@pytest.fixture
def orders(project: Project) -> Project:
    """A service with a table of orders, in the database too."""
    imported = "import app.orders.models  # noqa: F401\nfrom app.items"
    project.edit("app/api.py", lambda text: text.replace("from app.items", imported))
    write_models(project, "placed shipped cancelled", "red blue")
    write_migration(project, "add orders")
    project.migrate()
    sql(project.url, "INSERT INTO \"order\" (colour, colours) VALUES ('blue', '{red,blue}')")
    return project


def labels(project: Project) -> dict[str, list[str]]:
    """The values of each enum, in the order of the database."""
    query = """
        SELECT enumtypid::regtype::text, array_agg(enumlabel::text ORDER BY enumsortorder)
        FROM pg_enum GROUP BY 1
    """
    return dict(sql(project.url, query))


def table(project: Project) -> list[object]:
    """What a replaced type must leave as it was: defaults, indexes, the CHECK and the row."""
    return [
        sql(project.url, "SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef ORDER BY 1"),
        sql(project.url, "SELECT indexdef FROM pg_indexes WHERE tablename = 'order' ORDER BY 1"),
        sql(project.url, "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'c'"),
        sql(project.url, 'SELECT status::text, colour::text, colours::text FROM "order"'),
    ]


def file_of_the_table(project: Project) -> object:
    """Another one after a rewrite."""
    return sql(project.url, "SELECT pg_relation_filenode('\"order\"')")


def test_new_values_are_added_in_the_order_of_the_model_without_a_rewrite(orders: Project) -> None:
    first_labels, first_file = labels(orders), file_of_the_table(orders)
    status = "placed paid packed shipped delivered cancelled returned"

    write_models(orders, "placed shipped delivered cancelled", "red blue")
    in_the_middle = write_migration(orders, "add delivered")
    write_models(orders, status, "pink red blue")
    of_two_enums = write_migration(orders, "add more")
    orders.migrate()

    assert body(in_the_middle.read_text(), "upgrade").strip() == (
        "op.execute(\"ALTER TYPE order_status ADD VALUE 'delivered' AFTER 'shipped'\")"
    )
    assert body(of_two_enums.read_text(), "upgrade").strip() == (
        "op.execute(\"ALTER TYPE order_status ADD VALUE 'paid' AFTER 'placed'\")"
        " op.execute(\"ALTER TYPE order_status ADD VALUE 'packed' AFTER 'paid'\")"
        " op.execute(\"ALTER TYPE order_status ADD VALUE 'returned' AFTER 'cancelled'\")"
        " op.execute(\"ALTER TYPE colour ADD VALUE 'pink' BEFORE 'red'\")"
    )
    assert labels(orders) == {"order_status": status.split(), "colour": ["pink", "red", "blue"]}
    assert file_of_the_table(orders) == first_file

    before = table(orders)
    sql(orders.url, "INSERT INTO \"order\" (status) VALUES ('paid')")
    refused = orders.run("alembic", "downgrade", "-1", environment="local", code=1)
    sql(orders.url, "DELETE FROM \"order\" WHERE status = 'paid'")
    orders.run("alembic", "downgrade", "-2", environment="local")

    assert 'invalid input value for enum order_status: "paid"' in refused.said
    assert (labels(orders), table(orders)) == (first_labels, before)


def test_a_value_is_removed_when_no_row_has_it(orders: Project, postgres: FaultyPostgres) -> None:
    before, head = table(orders), orders.head
    write_models(orders, "placed cancelled", "blue red")
    name = write_migration(orders, "remove shipped").name

    sql(orders.url, "INSERT INTO \"order\" (status) VALUES ('shipped')")
    refused = orders.migrate(code=1)
    sql(orders.url, "DELETE FROM \"order\" WHERE status = 'shipped'")
    orders.migrate()

    assert 'invalid input value for enum order_status: "shipped"' in refused.said
    assert f"The migration {name} failed: the database stays at {head}." in refused.said
    assert labels(orders) == {"order_status": ["placed", "cancelled"], "colour": ["blue", "red"]}
    assert table(orders) == before
    assert NOTHING in orders.make("migration", "m=nothing")
    orders.make("check")
    run_tests(orders, postgres, "tests/test_migrations.py", code=0)
