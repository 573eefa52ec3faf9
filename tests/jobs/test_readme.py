"""Recipes of the README, where a service has jobs."""

from pathlib import Path

import pytest

from tests.support.services import Environment
from tests.test_service_readme import blocks, files, run_by_pytest, type_in_bash

pytestmark = pytest.mark.slow


def test_the_recipe_removes_the_example_and_keeps_the_queue(
    service_with_jobs: Path, environment_of_jobs: Environment
) -> None:
    [remove] = blocks(service_with_jobs, "Remove the example", "bash")

    type_in_bash(service_with_jobs, environment_of_jobs, "make migrate", remove)
    checks = 'make check test migrate ARGS="tests/test_migrations.py tests/worker/test_tables.py"'
    output = type_in_bash(service_with_jobs, environment_of_jobs, checks)

    tables = "SELECT to_regclass('item'), to_regclass('jobs.pgqueuer')"
    psql = f'uv run python -m dev.run psql -XAtc "{tables}"'
    found = type_in_bash(service_with_jobs, environment_of_jobs, psql)
    assert found.splitlines()[-1] == "|jobs.pgqueuer"
    assert [name for name in files(service_with_jobs) if "items" in name] == []
    assert run_by_pytest(output) == ["tests/test_migrations", "tests/worker/test_tables"]
