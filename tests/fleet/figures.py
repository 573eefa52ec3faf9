"""Measures fleet on many services, each with a name of its own, and `copier update` beside it on
the same ones:

uv run python -m tests.fleet.figures 200
"""

import json
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from fleet.service import ANSWERS_FILE
from fleet.template import Template, open_template
from tests.fleet import blobs
from tests.support import edits, history, services

SCRIPTS = Path(sysconfig.get_path("scripts"))
VERSIONS = [release.version for release in history.releases()][:3]
BRANCH = f"template-update/{history.CANDIDATE}"
CORES = 2
"""As many updates of copier run at once."""


def main(count: int, by_copier: int) -> None:
    with TemporaryDirectory(prefix="figures-") as scratch:
        template, folder = history.clone(Path(scratch, "template")), Path(scratch, "services")
        with open_template(str(template)) as opened:
            names = [make(opened, folder, number) for number in range(count)]
            (folder / "services.txt").write_text("\n".join(names))
            fleet = partial(run, folder, template)
            say("fleet status", partial(fleet, "status"))
            say("fleet status --conflicts", partial(fleet, "status", "--conflicts"))
            moves = say("fleet update", partial(fleet, "update"))
            say("fleet update, all branches there", partial(fleet, "update"))
            lost = {move["path"]: why for move in moves if (why := lost_by(opened, folder, move))}
            sys.stdout.write(f"lost: {lost}\n")
            few = [point_to(template, folder / name) for name in names[:by_copier]]
            say(f"copier update of {len(few)}, {CORES} at once", partial(update, few))


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


def run(folder: Path, template: Path, *command: str) -> list[dict[str, Any]]:
    """What a command of fleet tells of each service."""
    named = ("--template", str(template), "--file", "services.txt", "--json")
    done = subprocess.run(
        [str(SCRIPTS / "fleet"), *command, *named],
        cwd=folder,
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise SystemExit(done.stdout[-2000:] + done.stderr)
    told: list[dict[str, Any]] = json.loads(done.stdout)["services"]
    return told


def lost_by(template: Template, folder: Path, move: dict[str, Any]) -> dict[str, str]:
    carried = [file["path"] for file in move["carried"]]
    return blobs.lost(folder / move["path"], template, history.CANDIDATE, BRANCH, carried)


def point_to(template: Path, service: Path) -> Path:
    """Let a service record the template where it is."""
    file = service / ANSWERS_FILE
    lines = file.read_text().splitlines()
    kept = [line for line in lines if not line.startswith("_src_path:")]
    file.write_text("\n".join([*kept, f"_src_path: {template}", ""]))
    services.commit(service, "Name the template")
    return service


def update(folders: list[Path]) -> None:
    """What plain copier does, in the working trees: a process for each service."""
    command = [str(SCRIPTS / "copier"), "update", "--defaults", "--quiet"]
    with ThreadPoolExecutor(CORES) as pool:
        list(pool.map(lambda folder: subprocess.run(command, cwd=folder, check=True), folders))


def say(what: str, work: Callable[[], Any]) -> Any:
    began = time.perf_counter()
    done = work()
    sys.stdout.write(f"{what}: {time.perf_counter() - began:.1f} s\n")
    sys.stdout.flush()
    return done


if __name__ == "__main__":
    total = int(sys.argv[1])
    main(total, int(sys.argv[2]) if len(sys.argv) > 2 else total)
