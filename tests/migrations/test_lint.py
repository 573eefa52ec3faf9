"""The lint of migrations: what it finds, what it lets pass, and which files it reads."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.support import services
from tests.support.services import Environment

pytestmark = pytest.mark.slow

MIGRATION = '''"""{slug}."""

import sqlalchemy as sa
from alembic import op

revision = "{slug}"
down_revision = "{after}"


def upgrade() -> None:
    {upgrade}
'''

# What the lint must find, and the rules that find it.
HAZARDS = {
    "not_null_with_a_volatile_default": (
        'op.add_column("item", sa.Column("code", sa.Uuid(), nullable=False,'
        ' server_default=sa.text("gen_random_uuid()")))',
        {"adding-field-with-default"},
    ),
    "not_null_without_default": (
        'op.add_column("item", sa.Column("code", sa.Uuid(), nullable=False))',
        {"adding-required-field"},
    ),
    "index_that_blocks_writes": (
        'op.create_index("item_updated_at_idx", "item", ["updated_at"])',
        {"require-concurrent-index-creation"},
    ),
    "another_type": (
        'op.alter_column("item", "name", type_=sa.Text())',
        {"changing-column-type"},
    ),
    "column_renamed": (
        'op.alter_column("item", "name", new_column_name="title")',
        {"renaming-column"},
    ),
    "table_renamed": ('op.rename_table("item", "thing")', {"renaming-table"}),
    "check_validated_at_once": (
        'op.create_check_constraint("name", "item", "name > \'\'")',
        {"constraint-missing-not-valid"},
    ),
    "unique_validated_at_once": (
        'op.create_unique_constraint("item_updated_at_key", "item", ["updated_at"])',
        {"disallowed-unique-constraint", "constraint-missing-not-valid"},
    ),
    "reference_validated_at_once": (
        'op.create_foreign_key("item_id_fkey", "item", "item", ["id"], ["id"])',
        {"adding-foreign-key-constraint", "constraint-missing-not-valid"},
    ),
    "column_dropped": ('op.drop_column("item", "attributes")', {"ban-drop-column"}),
}


class Service:
    """A rendered service whose migrations are linted. No database is needed."""

    def __init__(self, folder: Path, environment: Environment) -> None:
        self.folder = folder
        self.environment = environment
        [first] = self.versions.glob("*.py")
        self.head = first.name.split("_")[2]

    @property
    def versions(self) -> Path:
        return self.folder / "migrations" / "versions"

    def add(self, slug: str, upgrade: str) -> None:
        text = MIGRATION.format(slug=slug, after=self.head, upgrade=upgrade)
        (self.versions / f"2027_{slug}.py").write_text(text)
        self.head = slug

    def lint(self, since: str = "") -> "subprocess.CompletedProcess[str]":
        python = self.environment.folder / "bin" / "python"
        variables = self.environment.variables | {"LINT_MIGRATIONS_SINCE": since}
        variables.pop("PYTHONDONTWRITEBYTECODE", None)  # bytecode halves the time
        return subprocess.run(
            [python, "-m", "dev.lint_migrations"],
            cwd=self.folder,
            env=variables,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def service(folder: Path, environment: Environment) -> Service:
    return Service(folder, environment)


def findings(output: str) -> dict[str, set[str]]:
    """The rules that found something, by migration."""
    found: dict[str, set[str]] = {}
    for rule, slug in re.findall(r"warning\[([\w-]+)\].*\n.*?2027_(\w+)\.py:", output):
        found.setdefault(slug, set()).add(rule)
    return found


def test_every_hazard_is_found(service: Service) -> None:
    for slug, (upgrade, _) in HAZARDS.items():
        service.add(slug, upgrade)

    linted = service.lint()

    assert linted.returncode == 1
    assert findings(linted.stdout) == {slug: rules for slug, (_, rules) in HAZARDS.items()}


def test_one_hazard_among_harmless_migrations_is_enough(service: Service) -> None:
    harmless = 'op.add_column("item", sa.Column("{}", sa.Text()))'
    service.add("before", harmless.format("a"))
    service.add("hazard", 'op.rename_table("item", "thing")')
    service.add("after", harmless.format("b"))

    linted = service.lint()

    assert linted.returncode == 1
    assert findings(linted.stdout) == {"hazard": {"renaming-table"}}


def test_a_table_of_ordinary_columns_is_no_hazard(service: Service) -> None:
    numbers = ("Integer", "SmallInteger", "BigInteger", "Float", "Numeric(10, 2)", "Boolean")
    others = ("String(20)", "Text", "LargeBinary", "Uuid", "Date", "Interval", "Time")
    columns = [f'sa.Column("c{number}", sa.{kind})' for number, kind in enumerate(numbers + others)]
    key = 'sa.Column("id", sa.Integer, primary_key=True)'
    service.add("ordinary", f'op.create_table("thing", {", ".join([key, *columns])})')

    linted = service.lint()

    assert (linted.returncode, linted.stdout) == (0, "")


def test_a_hazard_is_waived_with_a_reason(service: Service) -> None:
    drop = '\n    op.drop_column("item", "attributes")'
    service.add("waived", f"# squawk-ignore ban-drop-column: unused since 1.4{drop}")

    linted = service.lint()

    assert (linted.returncode, linted.stdout) == (0, "")


@pytest.mark.parametrize(
    "waiver", ["# squawk-ignore ban-drop-column", "# squawk-ignore ban-drop-column:  "]
)
def test_a_waiver_without_a_reason_is_an_error(service: Service, waiver: str) -> None:
    service.add("waived", f'{waiver}\n    op.drop_column("item", "attributes")')

    linted = service.lint()

    assert linted.returncode == 1
    assert linted.stdout == (
        "2027_waived.py: give the reason after `# squawk-ignore ban-drop-column:`.\n"
    )


def test_a_waiver_is_for_its_own_rule_and_its_own_migration(service: Service) -> None:
    drop = 'op.drop_column("item", "attributes")'
    service.add("first", f"# squawk-ignore ban-drop-column: unused since 1.4\n    {drop}")
    service.add("second", f"# squawk-ignore renaming-column: another rule\n    {drop}")

    linted = service.lint()

    assert linted.returncode == 1
    assert findings(linted.stdout) == {"second": {"ban-drop-column"}}


def test_migrations_of_the_main_branch_are_not_linted_again(service: Service) -> None:
    service.add("old", 'op.rename_table("item", "thing")')
    services.commit(service.folder, "All of this is released")
    services.git(service.folder, "switch", "--quiet", "--create", "feature")
    released = service.lint()
    service.add("uncommitted", 'op.drop_column("thing", "attributes")')
    uncommitted = service.lint()
    services.commit(service.folder, "A feature")
    committed = service.lint()

    assert (released.returncode, released.stdout) == (0, "")
    assert findings(uncommitted.stdout) == {"uncommitted": {"ban-drop-column"}}
    assert findings(committed.stdout) == {"uncommitted": {"ban-drop-column"}}
    assert (uncommitted.returncode, committed.returncode) == (1, 1)


def test_a_branch_behind_main_lints_only_its_own_migrations(service: Service) -> None:
    """New migrations are those that the branch added."""
    services.commit(service.folder, "Released")
    services.git(service.folder, "switch", "--quiet", "--create", "feature")
    service.add("mine", 'op.rename_table("item", "thing")')
    services.commit(service.folder, "A feature")
    services.git(service.folder, "switch", "--quiet", "main")
    services.git(service.folder, "commit", "--quiet", "--allow-empty", "--message", "Other work")
    services.git(service.folder, "switch", "--quiet", "feature")

    linted = service.lint()

    assert findings(linted.stdout) == {"mine": {"renaming-table"}}


def test_a_push_to_the_main_branch_is_linted_from_where_it_began(service: Service) -> None:
    services.commit(service.folder, "Released")
    began = services.git(service.folder, "rev-parse", "HEAD").strip()
    service.add("pushed", 'op.drop_column("item", "attributes")')
    services.commit(service.folder, "Without a pull request")
    pushed = services.git(service.folder, "rev-parse", "HEAD").strip()

    assert findings(service.lint(began).stdout) == {"pushed": {"ban-drop-column"}}
    for nothing_new in (pushed, "0" * 40, ""):  # GitLab's for a new branch; nothing, elsewhere
        assert service.lint(nothing_new).stdout == ""


def test_the_check_of_the_service_lints(service: Service) -> None:
    recipe = (service.folder / "Makefile").read_text().partition("\ncheck:")[2]

    assert "python -m dev.lint_migrations" in recipe.partition("\n\n")[0]
