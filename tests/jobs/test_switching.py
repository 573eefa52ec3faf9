"""A living service gets jobs, and gives them back, by `make template-update DATA=...`."""

import os
import re
import subprocess
import sysconfig
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from tests.support import services
from tests.support.edits import replace
from tests.support.services import Environment

pytestmark = pytest.mark.slow
CONFLICTS = 2
OWN_MIGRATION = '''"""Nothing."""

from collections.abc import Sequence

revision: str = "aaaaaaaaaaaa"
down_revision: str | Sequence[str] | None = "14824c698526"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None: ...


def downgrade() -> None: ...
'''


@pytest.fixture
def living(render: Callable[..., Path], tmp_path: Path) -> Path:
    """A service without jobs, and with a migration of its own."""
    service = services.own(render(), tmp_path / "my-service")
    versions = service / "migrations/versions"
    (versions / "2026-12-01_0900_aaaaaaaaaaaa_nothing.py").write_text(OWN_MIGRATION)
    services.commit(service, "A migration of its own")
    return service


def switch(service: Path, template: Path, answer: str) -> subprocess.CompletedProcess[str]:
    """What `make template-update DATA=answer` runs, without `make lock check test`."""
    fleet = Path(sysconfig.get_path("scripts"), "fleet")
    return subprocess.run(
        [fleet, "service", "update", "--no-checks", "--data", answer],
        cwd=service,
        env=os.environ | {"FLEET_TEMPLATE": str(template)},
        capture_output=True,
        text=True,
        check=False,
    )


def files(service: Path) -> set[str]:
    """Those that git knows, or would know."""
    listed = services.git(service, "ls-files", "--cached", "--others", "--exclude-standard")
    return {name for name in listed.splitlines() if (service / name).exists()}


def test_jobs_are_switched_on_and_off_in_a_living_service(
    living: Path, template: Path, environment_of_jobs: Environment
) -> None:
    before = files(living)

    on = switch(living, template, "jobs=true")
    assert (on.returncode, on.stderr) == (0, "")
    assert "## When jobs becomes true" in on.stdout
    checked = environment_of_jobs.run(living, "make", "check").stdout
    assert "Writing the migration that creates the queue of jobs: commit it." in checked
    [migration] = (living / "migrations/versions").glob("*_create_jobs.py")
    assert 'down_revision: str | Sequence[str] | None = "aaaaaaaaaaaa"' in migration.read_text()
    tests = ["tests/test_migrations.py", "tests/worker/test_tables.py"]
    environment_of_jobs.run(living, "make", "test", f"ARGS={' '.join(tests)}")
    again = environment_of_jobs.run(living, "make", "--dry-run", "check").stdout
    assert "Writing the migration" not in again
    services.commit(living, "Jobs")

    off = switch(living, template, "jobs=false")
    assert (off.returncode, off.stderr) == (0, "")
    assert "## When jobs becomes false" in off.stdout
    assert files(living) - before == {str(migration.relative_to(living)), "uv.lock"}
    environment_of_jobs.run(living, "make", "check")
    environment_of_jobs.run(living, "make", "test", "ARGS=tests/test_migrations.py")


def test_an_edited_file_of_jobs_that_goes_is_a_conflict(
    render: Callable[..., Path], template: Path, tmp_path: Path
) -> None:
    service = services.own(render(jobs=True), tmp_path / "my-service")
    settings = service / "app/core/jobs/settings.py"
    replace(settings, "default=10", "default=20")
    services.commit(service, "More at once")

    off = switch(service, template, "jobs=false")

    assert off.returncode == CONFLICTS
    assert "app/core/jobs/settings.py" in off.stdout
    assert "default=20" in settings.read_text()


def test_the_recipe_that_drops_the_queue_refuses_while_a_job_is_left(
    service_with_jobs: Path, environment_of_jobs: Environment
) -> None:
    text = (services.ROOT / "UPGRADING.md").read_text().partition("### When jobs becomes false")[2]
    body = dedent(re.findall(r"\n\n((?:      .*\n)+)- Keep", text)[0])
    run = environment_of_jobs.run
    run(service_with_jobs, "uv", "run", "alembic", "revision", "-m", "drop")
    [file] = (service_with_jobs / "migrations/versions").glob("*_drop.py")
    head, *_ = file.read_text().split("def upgrade")
    head = head.replace("\n\nrevision", "\n\nfrom alembic import op\n\nrevision", 1)
    lines = "".join(f"    {line}\n" if line else "\n" for line in body.splitlines())
    file.write_text(f"{head}def upgrade() -> None:\n{lines}\n\ndef downgrade() -> None: ...\n")
    script = (
        "import asyncio, asyncpg, os, subprocess, sys\n"
        "from dev.postgres import temporary_server\n"
        "def alembic(to):\n"
        "    run = [sys.executable, '-m', 'alembic', 'upgrade', to]\n"
        "    return subprocess.run(run, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)\n"
        "async def sql(url, statement):\n"
        "    connection = await asyncpg.connect(url)\n"
        "    await connection.execute(statement)\n"
        "    await connection.close()\n"
        "with temporary_server() as url:\n"
        "    os.environ['POSTGRES_URL'] = url\n"
        "    alembic('6b0d3a91f2c4')\n"
        "    add = 'INSERT INTO jobs.pgqueuer (priority, status, entrypoint) VALUES (0, '\n"
        "    asyncio.run(sql(url, add + \"'failed', 'a.b')\"))\n"
        "    refused = alembic('head')\n"
        "    asyncio.run(sql(url, 'DELETE FROM jobs.pgqueuer'))\n"
        "    print(refused.returncode, b'Jobs wait, run or are held' in refused.stdout,\n"
        "          alembic('head').returncode)\n"
    )

    printed = run(service_with_jobs, "uv", "run", "python", "-c", script).stdout

    assert printed.splitlines()[-1] == "1 True 0"
