"""What the tests do with the template and with rendered services."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import copier

ROOT = Path(__file__).parents[2]


def git(folder: Path, *arguments: str) -> str:
    """What a git command prints. Neither the user's configuration nor his hooks take part."""
    configuration = {
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_SYSTEM": os.devnull,
        "GIT_AUTHOR_NAME": "Test",
        "GIT_AUTHOR_EMAIL": "test@example.org",
        "GIT_COMMITTER_NAME": "Test",
        "GIT_COMMITTER_EMAIL": "test@example.org",
    }
    command = ["git", "-c", "init.defaultBranch=main", *arguments]
    result = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | configuration,
        check=True,
        capture_output=True,
        text=True,
    )
    return result.stdout


def commit(folder: Path, message: str) -> None:
    """Commit all that git does not ignore, in a new repository if there is none."""
    if not (folder / ".git").exists():
        git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", message)


def snapshot(destination: Path) -> Path:
    """The template as it is in the working tree, as a repository of one commit."""
    names = git(ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    for name in names.split("\0"):
        source = ROOT / name
        if name and source.is_file():
            (destination / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, destination / name, follow_symlinks=False)
    commit(destination, "The working tree")
    return destination


def render(template: Path, destination: Path, **answers: object) -> Path:
    """A service with default answers but for `answers`."""
    copier.run_copy(str(template), destination, data=answers, defaults=True, quiet=True)
    return destination


def install(rendered: Path, destination: Path, *options: str) -> Path:
    """A copy of a shared render with its dependencies, in an environment that may be copied too."""
    project = Path(shutil.copytree(rendered, destination))
    uv = os.environ.get("UV", "uv")
    subprocess.run([uv, "venv", "--quiet", "--relocatable"], cwd=project, check=True)
    sync = [uv, "sync", "--quiet", "--compile-bytecode", *options]
    subprocess.run(sync, cwd=project, check=True)
    return project


def own(rendered: Path, destination: Path) -> Path:
    """A committed copy of a shared render, for a test to change."""
    shutil.copytree(rendered, destination)
    commit(destination, "Start from the template")
    return destination


@dataclass(frozen=True)
class Environment:
    """A virtual environment with the dependencies of a service, used for many services."""

    folder: Path
    lock: Path

    @property
    def variables(self) -> dict[str, str]:
        mine = ("VIRTUAL_ENV", "POSTGRES_URL", "DATABASE_URL", "ENVIRONMENT", "ENV_FILE", "PORT")
        kept = {name: value for name, value in os.environ.items() if name not in mine}
        return kept | {
            "UV_PROJECT_ENVIRONMENT": str(self.folder),
            # Its types of packages hold for all services; a service's own files are compared.
            "MYPY_CACHE_DIR": str(self.folder.with_name("types")),
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def run(
        self, service: Path, *command: str, check: bool = True, timeout: float = 300
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in the service's folder, with the environment's tools."""
        if not (service / "uv.lock").exists():
            shutil.copy2(self.lock, service / "uv.lock")
        result = subprocess.run(
            command,
            cwd=service,
            env=self.variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
            check=False,
        )
        if check and result.returncode:
            raise AssertionError(
                f"{' '.join(command)} ended with {result.returncode}:\n{result.stdout}"
            )
        return result


def environment_of(project: Path) -> Environment:
    """The project's own."""
    return Environment(project / ".venv", project / "uv.lock")
