"""What the command reports is what the README of a service shows."""

import shlex

from fleet.commands.resource import report
from fleet.resource.project import Project
from fleet.resource.reading import read
from fleet.resource.record import Recorded
from fleet.resource.writing import files
from tests.support.markdown import blocks


def test_the_readme_of_a_service_shows_what_the_command_reports(plain: Project) -> None:
    _, shown = blocks(plain.text("README.md"), "console")
    command, _, reported = shown.partition("\n")
    _, _, _, name, fields = shlex.split(command)

    resource = read(
        plain, name.removeprefix("name="), Recorded(fields=fields.removeprefix("fields="))
    )

    assert report(resource, files(plain, resource)) == reported.rstrip("\n")
