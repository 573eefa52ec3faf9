"""A small template whose versions a test writes, and a service made from it."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

import copier

from fleet.service import open_service
from fleet.status import Status, read_status
from fleet.template import open_template
from tests.support import services

ANSWERS_FILE = "template/{{ _copier_conf.answers_file }}.jinja"
OWNERSHIP = """
seed = ["/example/"]
shared = ["/shared*", "/settings.txt"]

[template]
"/.copier-answers.yml" = "an answer"
"/owned*" = "local.txt"
"/Makefile" = "local.mk"
"""
# What `make lock check test` does is seen by the file it leaves in .git.
MAKEFILE = "lock check test:\n\t@echo $@ >> .git/made\n"
LINES = "".join(f"line {number}\n" for number in range(1, 10))
BRANCH = "template-update/v1.1.0"
"""The branch of an update to the version after the first one."""
THEIRS = {"template/shared.txt": LINES.replace("line 5", "theirs")}
"""A change of the template in a file that services edit."""

FIRST: dict[str, str | None] = {
    "copier.yml": (
        "_subdirectory: template\n"
        "service_name: {type: str, default: lamps}\n"
        "port: {type: int, default: 8000, validator: '{% if port < 1 %}No such port.{% endif %}'}\n"
    ),
    "ownership.toml": OWNERSHIP,
    "CHANGELOG.md": "# Changelog\n\n## [1.0.0] - 2026-01-01\n\n- Began.\n",
    ANSWERS_FILE: "{{ _copier_answers | to_nice_yaml }}",
    "template/Makefile": MAKEFILE,
    "template/settings.txt.jinja": "port {{ port }}\n",
    "template/owned.txt": LINES,
    "template/shared.txt": LINES,
    "template/example/seed.txt": "one\n",
}


@dataclass(frozen=True)
class Toy:
    """A template's repository."""

    folder: Path

    def release(self, version: str, files: dict[str, str | None]) -> None:
        """Write files, delete those that are None, commit and tag."""
        self.change(files)
        services.commit(self.folder, version)
        services.git(self.folder, "tag", "--annotate", "--message", version, version)

    def change(self, files: dict[str, str | None]) -> None:
        for path, text in files.items():
            file = self.folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.unlink() if text is None else file.write_text(text)

    def service(self, destination: Path, version: str = "v1.0.0", **answers: object) -> Path:
        copier.run_copy(
            str(self.folder),
            destination,
            data=answers,
            vcs_ref=version,
            defaults=True,
            quiet=True,
            unsafe=True,
        )
        return destination


def status(service: Path) -> list[str]:
    """The lines of `git status --porcelain`: what an update did, in git's words."""
    return services.git(service, "status", "--porcelain").splitlines()


def edit(service: Path, path: str, old: str, new: str) -> None:
    """Change a file of a service, and commit it."""
    text = (service / path).read_text()
    assert old in text
    (service / path).write_text(text.replace(old, new))
    services.commit(service, f"Change {path}")


def result(output: str) -> dict[str, object]:
    """What the JSON of a command says of the only service."""
    [one] = json.loads(output)["services"]
    return dict(one)


def show(service: Path, path: str, branch: str = BRANCH) -> bytes:
    """A file as it is on a branch."""
    command = ["git", "show", f"{branch}:{path}"]
    return subprocess.run(command, cwd=service, check=True, capture_output=True).stdout


def status_of(folder: Path, *, conflicts: bool = False) -> Status:
    """What `fleet status` knows of a service."""
    with open_service(folder) as service, open_template(service.address) as template:
        return read_status(service, template, conflicts=conflicts)
