"""A rendered service whose migrations a test writes and runs, in processes like a deployment's."""

import json
import shutil
import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.services import Environment
from tests.support.serving import until

REVISION = '''"""{slug}."""

import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = "{down_revision}"


def upgrade() -> None:
    {upgrade}


def downgrade() -> None:
    {downgrade}
'''
FIRST_DAY = "2027-01-01"  # after that of the service's own migration


@dataclass(frozen=True)
class Run:
    """A running or finished command, and its output."""

    process: "subprocess.Popen[bytes]"
    output: Path

    @property
    def said(self) -> str:
        return self.output.read_text()

    @property
    def log(self) -> list[dict[str, Any]]:
        """Its lines of JSON, without tracebacks and half-written lines."""
        lines = [line for line in self.said.splitlines(keepends=True) if line.startswith('{"')]
        return [json.loads(line) for line in lines if line.endswith("}\n")]

    def lines(self, event: str) -> list[dict[str, Any]]:
        return [line for line in self.log if line["event"] == event]

    @property
    def migrated(self) -> list[str]:
        """`a -> b` for every migration that it began."""
        running = ("Running upgrade ", "Running downgrade ")
        begun = [line["event"] for line in self.log if line["event"].startswith(running)]
        return [event.split(maxsplit=2)[2].partition(",")[0].strip() for event in begun]

    @property
    def ended(self) -> bool:
        return self.process.poll() is not None

    def wait(self) -> int:
        """The exit code."""
        return self.process.wait(120)

    def until_it_says(self, event: str) -> None:
        def says() -> bool:
            assert not self.ended, self.said
            return bool(self.lines(event))

        until(says, f"the command says {event!r}")


@dataclass
class Project:
    """A service and an empty database for one test."""

    folder: Path
    environment: Environment
    url: str
    logs: Path
    runs: list[Run] = field(default_factory=list)

    def variables(self, **settings: object) -> dict[str, str]:
        """A deployment's variables. The bytecode of libraries is kept, which halves the time."""
        variables = self.environment.variables | {
            "POSTGRES_URL": self.url,
            "ENVIRONMENT": "production",
            "PYTHONPATH": str(self.folder),
        }
        variables.pop("PYTHONDONTWRITEBYTECODE", None)
        return variables | {name.upper(): str(value) for name, value in settings.items()}

    def start(self, module: str, *arguments: str, **settings: object) -> Run:
        """Start `python -m module ...`."""
        output = self.logs / f"{len(self.runs)}"
        with output.open("w") as file:
            process = subprocess.Popen(
                [self.environment.folder / "bin" / "python", "-m", module, *arguments],
                cwd=self.folder,
                env=self.variables(**settings),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
            )
        self.runs.append(Run(process, output))
        return self.runs[-1]

    def run(self, module: str, *arguments: str, code: int = 0, **settings: object) -> Run:
        """Run it to its end. Fails on another exit code."""
        run = self.start(module, *arguments, **settings)
        assert run.wait() == code, run.said
        return run

    def migrate(self, *, code: int = 0, **settings: object) -> Run:
        return self.run("alembic", "upgrade", "head", code=code, **settings)

    def make(self, *arguments: str, fails: bool = False) -> str:
        """The output of a target of the service's Makefile, on the test's database."""
        shutil.copy2(self.environment.lock, self.folder)
        (self.folder / ".env").write_text(f"POSTGRES_URL={self.url}\n")
        hidden = ("POSTGRES_URL", "ENVIRONMENT")
        made = subprocess.run(
            ["make", *arguments],
            cwd=self.folder,
            env={n: value for n, value in self.variables().items() if n not in hidden},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (made.returncode != 0) == fails, made.stdout + made.stderr
        return made.stdout + made.stderr

    @property
    def versions(self) -> Path:
        return self.folder / "migrations" / "versions"

    @property
    def migrations(self) -> list[Path]:
        """The migrations in the order of their names, in which they were written too."""
        return sorted(self.versions.glob("*.py"))

    @property
    def head(self) -> str:
        """The newest revision, from the name of its file."""
        return self.migrations[-1].name.split("_")[2]

    def add(
        self, slug: str, *upgrade: str, downgrade: str = "pass", after: str | None = None
    ) -> str:
        """Write a migration of these statements after the newest one; return its revision."""
        number = len(self.migrations) + 1
        revision = f"{number:012d}"
        text = REVISION.format(
            slug=slug.replace("_", " "),
            revision=revision,
            down_revision=after or self.head,
            upgrade="\n    ".join(upgrade),
            downgrade=downgrade,
        )
        (self.versions / f"{FIRST_DAY}_{number:04d}_{revision}_{slug}.py").write_text(text)
        return revision

    def path(self, revision: str) -> Path:
        [path] = self.versions.glob(f"*_{revision}_*.py")
        return path

    def edit(self, file: str, edit: Callable[[str], str]) -> None:
        path = self.folder / file
        before = path.read_text()
        after = edit(before)
        assert after != before, f"Nothing of {file} is replaced."
        path.write_text(after)

    def stop(self) -> None:
        for run in self.runs:
            if not run.ended:
                run.process.send_signal(signal.SIGKILL)
                run.wait()
