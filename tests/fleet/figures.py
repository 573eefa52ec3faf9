"""Measures fleet on many services, each with a name of its own, and `copier update` beside it:

uv run python -m tests.fleet.figures 200
"""

import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import copier

from fleet.template import Template, open_template
from tests.support import edits, history, services

FLEET = str(Path(sysconfig.get_path("scripts"), "fleet"))
VERSIONS = [release.version for release in history.releases()][:3]
BY_COPIER = 10
"""`copier update` takes seconds: a few services tell how long."""


def main(count: int) -> None:
    with TemporaryDirectory(prefix="figures-") as scratch:
        template, folder = history.clone(Path(scratch, "template")), Path(scratch, "services")
        with open_template(str(template)) as opened:
            names = [make(opened, folder, number) for number in range(count)]
        (folder / "services.txt").write_text("\n".join(names))
        before = {name: files(folder / name, "HEAD") for name in names}
        for command in (["status"], ["status", "--conflicts"], ["update"], ["update"]):
            say(" ".join(["fleet", *command]), partial(run, folder, template, command))
        lost = [name for name in names if not keeps(folder / name, before[name])]
        sys.stdout.write(f"edits lost: {len(lost)}\n")
        few = names[:BY_COPIER]
        say(f"copier update, {len(few)} of them", partial(update, [folder / name for name in few]))


def make(template: Template, folder: Path, number: int) -> str:
    """A service of one of the oldest releases, rendered and committed; every second is edited."""
    release = history.releases()[number % len(VERSIONS)]
    presets = list(release.presets.values())
    name = f"service-{number:04}"
    answers = {**presets[number // len(VERSIONS) % len(presets)], "service_name": name}
    rendered = template.render(release.version, answers, name)
    for path, content in template.content(rendered).items():
        file = folder / name / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        file.chmod(0o755 if rendered[path].mode == "100755" else 0o644)
    (folder / name / "own.txt").write_text(f"{name}\n")
    if number % 2:
        edits.change_settings(folder / name)
    services.commit(folder / name, "Start")
    return name


def run(folder: Path, template: Path, command: list[str]) -> None:
    named = ["--template", str(template), "--file", "services.txt", "--json"]
    done = subprocess.run(
        [FLEET, *command, *named], cwd=folder, check=False, capture_output=True, text=True
    )
    if done.returncode:
        raise SystemExit(done.stdout[-2000:] + done.stderr)


def update(folders: list[Path]) -> None:
    for folder in folders:
        copier.run_update(folder, defaults=True, overwrite=True, quiet=True)


def files(service: Path, commit: str) -> dict[str, str]:
    listed = services.git(service, "ls-tree", "-r", commit).splitlines()
    return {line.partition("\t")[2]: line.split()[2] for line in listed}


def keeps(service: Path, before: dict[str, str]) -> bool:
    """Whether the branch has the service's own file, and the settings that were edited."""
    branch = f"template-update/{history.CANDIDATE}"
    after = files(service, branch)
    config = services.git(service, "show", f"{branch}:app/core/config.py")
    edited = 'greeting: str = "hello"' in services.git(service, "show", "HEAD:app/core/config.py")
    return after["own.txt"] == before["own.txt"] and ('greeting: str = "hello"' in config) is edited


def say(what: str, work: Callable[[], object]) -> None:
    began = time.perf_counter()
    work()
    sys.stdout.write(f"{what}: {time.perf_counter() - began:.1f} s\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]))
