"""Lints the SQL of new migrations for locks that would stop the service: `make check` runs it.

New migrations are those that the commit in LINT_MIGRATIONS_SINCE lacks, where CI says a push or a
pull request begins; elsewhere those that the main branch lacks; without git, all. A comment in the
migration waives a finding, with a reason: `# squawk-ignore ban-drop-column: unused since 1.4`.
"""

import io
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import Script, ScriptDirectory

ROOT = Path(__file__).resolve().parent.parent
WAIVER = re.compile(r"# squawk-ignore ([\w-]+):?[ \t]*(.*)")
ESCAPES = re.compile(r"\x1b(\[[\d;]*m|\]8;;[^\x1b]*\x1b\\)")  # colours and links of terminals
MAIN_BRANCHES = ("origin/HEAD", "origin/main", "origin/master", "main", "master")


def main() -> int:
    """The exit code: 1 if there is a finding."""
    return max(map(lint, new_migrations()), default=0)


def new_migrations() -> Iterator[Script]:
    scripts = ScriptDirectory.from_config(Config(toml_file=ROOT / "pyproject.toml"))
    known = _names_before()
    for script in scripts.walk_revisions():
        if Path(script.path).name not in known and not script.is_merge_point:
            yield script


def lint(script: Script) -> int:
    """Print findings, and waivers without a reason; 1 if there are any, else 0."""
    path = Path(script.path)
    waivers = WAIVER.findall(path.read_text())
    for rule, reason in waivers:
        if not reason:
            print(f"{path.name}: give the reason after `# squawk-ignore {rule}:`.")
            return 1
    squawk = [str(Path(sys.executable).parent / "squawk"), "--stdin-filepath", path.name]
    excluded = [f"--exclude={rule}" for rule, _ in waivers]
    found = subprocess.run(
        [*squawk, *excluded],
        input=_sql(script),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if found.returncode:
        text = f"{found.stdout}\n{found.stderr}"
        print(text if sys.stdout.isatty() else ESCAPES.sub("", text))
    return found.returncode


def _sql(script: Script) -> str:
    """The SQL of the migration, with the limits that it runs under."""
    os.environ.setdefault("POSTGRES_URL", "postgresql:///none")  # nothing connects
    os.environ.setdefault("ENV_FILE", str(ROOT / "tests" / "settings.env"))
    sql = io.StringIO()
    config = Config(toml_file=ROOT / "pyproject.toml", output_buffer=sql)
    command.upgrade(config, f"{script.down_revision or 'base'}:{script.revision}", sql=True)
    return sql.getvalue()


def _names_before() -> set[str]:
    """The names of the files that are not new."""
    since = os.environ.get("LINT_MIGRATIONS_SINCE", "")
    questions = [["rev-parse", "--verify", "--quiet", f"{since}^0"]] if since else []
    questions += [["merge-base", "HEAD", branch] for branch in MAIN_BRANCHES]
    for question in questions:
        if base := _git(*question):
            listed = _git("ls-tree", "-r", "--name-only", base).split("\n")
            return {Path(name).name for name in listed}
    return set()


def _git(*arguments: str) -> str:
    """What git prints; "" if it fails or is missing."""
    try:
        command = ["git", *arguments]
        found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return found.stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
