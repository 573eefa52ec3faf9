"""The service's own tests of its migrations find the faults that they are for.

Faults that edit one file are in tests/mutations.toml; these add files.
"""

import re
from collections.abc import Callable

import pytest

from tests.faults.postgres import FaultyPostgres
from tests.migrations.conftest import OLDEST
from tests.migrations.project import Project, Run

pytestmark = pytest.mark.slow


def second_head(project: Project) -> None:
    first = project.head
    project.add("one", "pass")
    project.add("another", "pass", after=first)


def model_without_migration(project: Project) -> None:
    column = "    sku: Mapped[str | None] = mapped_column(String(20))\n"
    project.edit("app/items/models.py", lambda text: text + column)


def default_without_migration(project: Project) -> None:
    edit = ("\"'{}'\"", "\"'[]'\"")
    project.edit("app/items/models.py", lambda text: text.replace(*edit))


def add_check(project: Project, condition: str) -> None:
    def edit(text: str) -> str:
        text = text.replace("from sqlalchemy import ", "from sqlalchemy import CheckConstraint, ")
        check = f'    __table_args__ = (\n        CheckConstraint("{condition}", name="short"),'
        return text.replace("    __table_args__ = (", check)

    project.edit("app/items/models.py", edit)


def check_without_migration(project: Project) -> None:
    add_check(project, "length(name) < 50")


def check_with_another_condition(project: Project) -> None:
    add_check(project, "length(name) < 50")
    project.add(
        "check",
        "# squawk-ignore constraint-missing-not-valid: the table is new",
        'op.create_check_constraint("short", "item", "length(name) < 99")',
        downgrade='op.drop_constraint("item_short_check", "item")',
    )


def enum_in_another_order(project: Project) -> None:
    column = '    kind: Mapped[str | None] = mapped_column(Enum("a", "b", name="kind"))\n'
    project.edit(
        "app/items/models.py",
        lambda text: (
            text.replace("sqlalchemy import Index, ", "sqlalchemy import Enum, Index, ") + column
        ),
    )
    project.add(
        "kind",
        """op.execute("CREATE TYPE kind AS ENUM ('b', 'a')")""",
        'op.execute("ALTER TABLE item ADD COLUMN kind kind")',
        downgrade='op.execute("DROP TYPE kind CASCADE")',
    )


def model_with_its_migration(project: Project) -> None:
    column = "    sku: Mapped[str | None] = mapped_column(String(20))\n"
    project.edit("app/items/models.py", lambda text: text + column)
    add = 'op.add_column("item", sa.Column("sku", sa.String(20)))'
    project.add("sku", add, downgrade='op.drop_column("item", "sku")')


def downgrade_emptied(project: Project) -> None:
    """The upgrade succeeds all the same when it runs again."""
    model_without_migration(project)
    project.add("sku", 'op.execute("ALTER TABLE item ADD COLUMN IF NOT EXISTS sku varchar(20)")')


def downgrade_that_fails_with_data(project: Project) -> None:
    refuse = "IF EXISTS (SELECT FROM item) THEN RAISE 'There are rows.'; END IF;"
    project.add("rows", "pass", downgrade=f'op.execute("DO $$ BEGIN {refuse} END $$")')


def wrong_name(project: Project) -> None:
    def add_constraint(text: str) -> str:
        text = text.replace("from sqlalchemy import ", "from sqlalchemy import UniqueConstraint, ")
        unique = '    __table_args__ = (\n        UniqueConstraint("name", "id", name="uq_item"),'
        return text.replace("    __table_args__ = (", unique)

    project.edit("app/items/models.py", add_constraint)
    project.add(
        "unique",
        "# squawk-ignore disallowed-unique-constraint: the table is new",
        "# squawk-ignore constraint-missing-not-valid: the table is new",
        'op.create_unique_constraint("uq_item", "item", ["name", "id"])',
        downgrade='op.drop_constraint("uq_item", "item")',
    )


def lock_hazard(project: Project) -> None:
    column = 'sa.Column("code", sa.Uuid(), server_default=sa.text("gen_random_uuid()"))'
    project.edit(
        "app/items/models.py",
        lambda text: (
            "import uuid\n"
            + text.replace("sqlalchemy import Index, ", "sqlalchemy import Index, func, ")
            + "    code: Mapped[uuid.UUID | None] = mapped_column("
            + "server_default=func.gen_random_uuid())\n"
        ),
    )
    project.add(
        "code", f'op.add_column("item", {column})', downgrade='op.drop_column("item", "code")'
    )


DRIFT = "test_the_models_need_no_further_migration"
DIFFERENT = "test_the_checks_the_defaults_and_the_enums_are_those_of_the_models"
UNDONE = "test_every_migration_can_be_undone_and_done_again_with_data"
# What goes wrong, and the only tests that fail then.
FAULTS: dict[Callable[[Project], None], set[str]] = {
    model_with_its_migration: set(),
    second_head: {"test_the_revisions_are_one_line"},
    model_without_migration: {DRIFT},
    default_without_migration: {DRIFT, DIFFERENT},
    check_without_migration: {DRIFT, DIFFERENT},
    check_with_another_condition: {DIFFERENT},
    enum_in_another_order: {DRIFT, DIFFERENT},
    downgrade_emptied: {UNDONE},
    downgrade_that_fails_with_data: {UNDONE},
    wrong_name: {"test_the_names_of_constraints_follow_the_convention"},
    lock_hazard: {"test_new_migrations_take_no_lock_that_stops_the_service"},
}


def run_tests(project: Project, postgres: FaultyPostgres, *what: str, code: int) -> Run:
    options = ("-q", "-rf", "--tb=line", "-p", "no:cacheprovider")
    return project.run("pytest", *what, *options, test_postgres_url=postgres.url(), code=code)


# Of those that are noticed by the same test, the small size has one.
OF_THE_FULL_SIZE = {
    default_without_migration,
    check_without_migration,
    enum_in_another_order,
    downgrade_that_fails_with_data,
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "fault" in metafunc.fixturenames:
        omitted = set() if metafunc.config.getoption("--full") else OF_THE_FULL_SIZE
        chosen = [fault for fault in FAULTS if fault not in omitted]
        metafunc.parametrize("fault", chosen, ids=lambda fault: fault.__name__)


def test_the_tests_of_migrations_notice(
    project: Project, postgres: FaultyPostgres, fault: Callable[[Project], None]
) -> None:
    fault(project)

    run = run_tests(project, postgres, "tests/test_migrations.py", code=int(bool(FAULTS[fault])))

    failed = set(re.findall(r"^FAILED tests/test_migrations\.py::(\w+)", run.said, re.MULTILINE))
    expected = FAULTS[fault]
    assert failed >= expected if fault is second_head else failed == expected, run.said


@pytest.mark.parametrize(
    "postgres", [pytest.param(OLDEST, marks=pytest.mark.system, id="oldest")], indirect=True
)
def test_the_tests_of_a_service_pass_on_the_oldest_postgres(
    project: Project, postgres: FaultyPostgres
) -> None:
    run = run_tests(project, postgres, code=0)

    assert re.fullmatch(r"\d+ passed in .*", run.said.splitlines()[-1])
