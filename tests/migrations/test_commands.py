"""`make migration`, `make migrate`, `make downgrade`, and where a downgrade is refused."""

import os
import pty
import re
import subprocess
from pathlib import Path

import pytest

from tests.migrations.project import Project
from tests.support.serving import sql

pytestmark = pytest.mark.slow

FILE = re.compile(r"\d{4}-\d\d-\d\d_\d{4}_[0-9a-f]{12}_add_state_and_price\.py")
NOTHING = "No changes detected: no migration written."
MORE_COLUMNS = """
    state: Mapped[State] = mapped_column(Enum(State, name="item_state"), server_default="new")
    price: Mapped[Decimal] = mapped_column(Numeric(10, 2), server_default="1.50")
    sku: Mapped[str | None] = mapped_column(String(20), unique=True)
"""
STATE = """
class State(StrEnum):
    new = "new"
    used = "used"


class Item("""


def add_columns(text: str) -> str:
    imports = "from decimal import Decimal\nfrom enum import StrEnum\nfrom sqlalchemy import Enum, "
    text = text.replace("from sqlalchemy import ", imports + "Numeric, ", 1)
    return text.replace("class Item(", STATE) + MORE_COLUMNS


def change_columns(text: str) -> str:
    """Give each column another type, default, name or value, and one a CHECK."""
    text = text.replace("from sqlalchemy import ", "from sqlalchemy import CheckConstraint, ", 1)
    check = '    __table_args__ = (\n        CheckConstraint("price > 0", name="price_positive"),'
    text = text.replace("    __table_args__ = (", check)
    text = text.replace("Numeric(10, 2)", "Numeric(12, 2)").replace('"1.50"', '"2.50"')
    text = text.replace("String(20), unique=True", "String(20)")
    return text.replace('used = "used"', 'used = "used"\n    lost = "lost"')


def body(text: str, function: str) -> str:
    """The body of a function of a migration, in one line."""
    inside = text.partition(f"def {function}() -> None:\n")[2].partition("\n\n\n")[0]
    return re.sub(r"\s+", " ", re.sub("#.*", "", inside))


def write_migration(project: Project, message: str) -> Path:
    """The new file. Names do not sort two files of the same minute."""
    before = set(project.migrations)
    project.make("migration", f"m={message}")
    [path] = set(project.migrations) - before
    return path


def test_a_migration_is_written_from_the_models(project: Project) -> None:
    """Types, server defaults, names of constraints and values of enums; and no empty revision."""
    migrated = project.make("migrate")
    first = project.head
    project.edit("app/items/models.py", add_columns)
    added = write_migration(project, "add state and price")
    project.edit("app/items/models.py", change_columns)
    changed = write_migration(project, "change them")
    before = project.migrations
    nothing = project.make("migration", "m=nothing")

    assert FILE.fullmatch(added.name)
    assert f"Running upgrade  -> {first}" in migrated
    added_body, changed_body = (
        body(added.read_text(), "upgrade"),
        body(changed.read_text(), "upgrade"),
    )
    for part in (
        'sa.Enum("new", "used", name="item_state").create(op.get_bind())',
        '"price", sa.Numeric(precision=10, scale=2), server_default="1.50", nullable=False',
        'op.create_unique_constraint(op.f("item_sku_key"), "item", ["sku"])',
    ):
        assert part in added_body
    for part in (
        'server_default="2.50", type_=sa.Numeric(precision=12, scale=2)',
        'op.drop_constraint(op.f("item_sku_key"), "item", type_="unique")',
        'op.create_check_constraint(op.f("item_price_positive_check"), "item", "price > 0")',
        "op.execute(\"ALTER TYPE item_state ADD VALUE 'lost' AFTER 'used'\")",
    ):
        assert part in changed_body
    assert NOTHING in nothing
    assert project.migrations == before
    for tool in (["check"], ["format", "--check"]):
        project.run("ruff", *tool, str(added), str(changed))

    project.make("downgrade")
    assert sql(project.url, "SELECT version_num FROM alembic_version") == [
        (added.name.split("_")[2],)
    ]
    script = project.make("--silent", "migrations-sql")
    assert "CREATE TYPE item_state AS ENUM ('new', 'used');" in script
    assert "ALTER TABLE item ALTER COLUMN price TYPE NUMERIC(12, 2);" in script


def test_a_migration_without_a_message_is_refused(project: Project) -> None:
    before = project.migrations

    refused = project.make("migration", fails=True)

    assert 'Say what the migration does: make migration m="add orders"' in refused
    assert project.migrations == before


def test_a_migration_may_be_written_by_hand(project: Project) -> None:
    """Without --autogenerate, an empty revision is written."""
    project.migrate()

    project.run("alembic", "revision", "-m", "by hand")

    [path] = project.versions.glob("*_by_hand.py")
    project.run("ruff", "check", str(path))


def test_revisions_of_one_minute_have_files_of_their_own(project: Project) -> None:
    for _ in range(2):
        project.run("alembic", "revision", "-m", "same")

    assert len({path.name for path in project.migrations if path.name.endswith("_same.py")}) == 2


def test_a_downgrade_is_refused_where_it_would_delete_data(project: Project) -> None:
    project.migrate()
    head = [(project.head,)]
    where = ("staging", "production")

    refused = [
        project.run("alembic", "downgrade", "-1", code=255, environment=name) for name in where
    ]
    kept = sql(project.url, "SELECT version_num FROM alembic_version")
    project.run("alembic", "-x", "allow-destructive=1", "downgrade", "-1")

    errors = [line["event"] for run in refused for line in run.log if line["level"] == "error"]
    assert errors == [
        f"A downgrade deletes data, and this is {name}:"
        " run alembic -x allow-destructive=1 downgrade ... if you mean it."
        for name in where
    ]
    assert kept == head
    assert sql(project.url, "SELECT version_num FROM alembic_version") == []


def test_a_downgrade_in_development_asks_on_a_terminal(project: Project) -> None:
    project.migrate()

    def downgrade(answer: str) -> "subprocess.CompletedProcess[str]":
        terminal, stdin = pty.openpty()
        os.write(terminal, f"{answer}\n".encode())
        return subprocess.run(
            [project.environment.folder / "bin" / "python", "-m", "alembic", "downgrade", "-1"],
            cwd=project.folder,
            env=project.variables(environment="local"),
            stdin=stdin,
            capture_output=True,
            text=True,
            check=False,
        )

    refused = downgrade("")
    kept = sql(project.url, "SELECT version_num FROM alembic_version")
    agreed = downgrade("y")

    question = "A downgrade deletes data of postgresql://"
    assert question in refused.stdout
    assert "Nothing was changed." in refused.stdout
    assert (refused.returncode, kept) == (255, [(project.head,)])
    assert (agreed.returncode, agreed.stderr) == (0, "")
    assert sql(project.url, "SELECT version_num FROM alembic_version") == []


def test_an_empty_migration_is_written_without_a_database(project: Project) -> None:
    project.url = "postgresql://nobody@127.0.0.1:1/none"

    project.make("migration", "m=validate the checks", "empty=1")

    written = project.migrations[-1].read_text()
    assert '"""validate the checks.' in written
    assert re.findall(r"def (\w+)\(\) -> None:\n    pass\n", written) == ["upgrade", "downgrade"]
