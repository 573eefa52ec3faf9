"""The recipe of docs/migrations.md that partitions a table, and what it says of the result."""

import re
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import asyncpg
import pytest

from tests.migrations.project import Project
from tests.migrations.test_documented_recipes import TABLES
from tests.support.serving import sql

pytestmark = pytest.mark.slow

HOURS = 9_000  # of 2026, and ten days more
NEXT = "SELECT id FROM event WHERE (created_at, id) > ('2026-12-31', '{}') ORDER BY created_at, id"
KEY = "00000000-0000-0000-0000-000000000000"
REFUSED = {
    "ALTER TABLE event ADD UNIQUE (id)": asyncpg.FeatureNotSupportedError,
    "CREATE TABLE n (id uuid REFERENCES event (id))": asyncpg.InvalidForeignKeyError,
    "INSERT INTO event VALUES (gen_random_uuid(), '2031-01-01')": asyncpg.CheckViolationError,
}


@pytest.fixture
def recipe(render: Callable[..., Path]) -> str:
    page = (render() / "docs/migrations.md").read_text()
    return page.partition("\n## Partition a table that is in use\n")[2].partition("\n## ")[0]


@pytest.fixture
def partitioned(project: Project, recipe: str) -> Project:
    """By the recipe, with a row for each hour."""
    project.add("tables", *TABLES)
    project.migrate()
    hours = (
        f"'2026-01-01 UTC'::timestamptz + n * interval '1 hour' FROM generate_series(1, {HOURS}) n"
    )
    sql(project.url, f"INSERT INTO event SELECT gen_random_uuid(), {hours}")
    for number, body in enumerate(re.findall(r"upgrade\(\).*:\n((?:    .*\n)+)", recipe)):
        project.add(f"partition_{number}", *dedent(body).splitlines())
    project.migrate()
    return project


def counts(project: Project) -> dict[str, int]:
    found = "SELECT tableoid::regclass::text, count(*) FROM event GROUP BY 1"
    return dict(sql(project.url, found))


def test_a_table_in_use_is_partitioned_and_keeps_its_rows(
    partitioned: Project, recipe: str
) -> None:
    sql(partitioned.url, "INSERT INTO event SELECT gen_random_uuid(), '2027-02-03 UTC'")
    before = counts(partitioned)
    [monthly] = re.findall(r"```sql\n(.*?)```", recipe, re.DOTALL)

    for statement in monthly.splitlines():
        sql(partitioned.url, statement)
    sql(partitioned.url, "INSERT INTO event SELECT gen_random_uuid(), '2027-03-03 UTC'")

    assert before == {"event_old": HOURS, "event_2027_02": 1}
    assert counts(partitioned) == {"event_2027_02": 1, "event_2027_03": 1}


def test_pages_of_a_partitioned_table_are_read_in_order_by_indexes(partitioned: Project) -> None:
    sql(partitioned.url, "ANALYZE event")
    [*plan] = sql(partitioned.url, f"EXPLAIN (COSTS OFF) {NEXT.format(KEY)} LIMIT 20")
    read = [line.strip(" ->") for (line,) in plan if "Scan" in line or "Sort" in line]

    assert [re.sub(r" on event\w* event_\d", "", line) for line in read] == [
        "Index Only Scan using event_old_created_at_id_idx",
        "Index Only Scan using event_2027_02_created_at_id_idx",
    ]
    assert len(sql(partitioned.url, NEXT.format(KEY))) == HOURS - 364 * 24 + 1


def test_a_partitioned_table_refuses_what_the_page_says(partitioned: Project) -> None:
    for statement, error in REFUSED.items():
        with pytest.raises(error):
            sql(partitioned.url, statement)


def test_no_migration_is_asked_for_because_of_a_partition(
    partitioned: Project, recipe: str
) -> None:
    [hooks] = [
        one for one in re.findall(r"```python\n(.*?)```", recipe, re.DOTALL) if "include" in one
    ]
    seen = partitioned.run("alembic", "check", code=255, environment="local").said
    (partitioned.folder / "migrations/hooks.py").write_text(hooks)

    hidden = partitioned.run("alembic", "check", code=255, environment="local").said

    assert "event_2027_02" in seen
    assert "event_2027_02" not in hidden
    assert "event_old" not in hidden
    partitioned.run("ruff", "check", "migrations/hooks.py")
