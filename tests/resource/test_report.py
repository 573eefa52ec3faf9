"""What a service's README and Makefile have of the command."""

import json
import os
import shlex
import subprocess
from pathlib import Path

from fleet.commands.resource import report
from fleet.resource.project import Project
from fleet.resource.reading import read
from fleet.resource.record import Recorded
from fleet.resource.writing import files
from tests.support.markdown import blocks

SAYS_WHAT_IT_IS_TOLD = """#!/usr/bin/env python3
import json, sys
print(json.dumps(sys.argv[sys.argv.index("fleet"):]))
"""


def test_the_readme_of_a_service_shows_what_the_command_reports(plain: Project) -> None:
    _, shown = blocks(plain.text("README.md"), "console")
    command, _, reported = shown.partition("\n")
    _, _, _, name, fields = shlex.split(command)

    resource = read(
        plain, name.removeprefix("name="), Recorded(fields=fields.removeprefix("fields="))
    )

    assert report(resource, files(plain, resource)) == reported.rstrip("\n")


def test_make_passes_on_what_was_typed(plain: Project, tmp_path: Path) -> None:
    (tmp_path / "uv").write_text(SAYS_WHAT_IT_IS_TOLD)
    (tmp_path / "uv").chmod(0o755)
    fields = """name:str(9)="a$b $(c) 'd' #" unique, note:text?"""
    given = [f"fields={fields}", "name=order", "sort=-name", "without=etag", "under=items"]

    said = subprocess.run(
        ["make", "resource", *given],
        cwd=plain.folder,
        env=os.environ | {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"},
        check=True,
        capture_output=True,
        text=True,
    ).stdout

    assert json.loads(said) == [
        *("fleet", "service", "resource", "--name", "order", "--fields", fields),
        *("--under", "items", "--sort", "-name", "--without", "etag"),
    ]
