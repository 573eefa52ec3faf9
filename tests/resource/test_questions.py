"""Who does not know the grammar is asked, at a terminal."""

import os
import pty
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from fleet.resource.project import Project


def at_a_terminal(folder: Path, *arguments: str, typed: str) -> str:
    """What the command shows to somebody who types this."""
    pid, side = pty.fork()
    if pid == 0:
        os.chdir(folder)
        program = Path(sys.executable).parent / "fleet"
        os.execv(program, ["fleet", "service", "resource", *arguments])
    os.write(side, typed.encode())
    shown = b""
    with suppress(OSError):  # Linux's way to say that the other side is closed
        while read := os.read(side, 65_536):
            shown += read
    os.close(side)
    os.waitpid(pid, 0)
    return shown.decode().replace("\r\n", "\n")


@pytest.mark.slow
def test_who_gives_no_fields_is_asked_for_them(project: Project) -> None:
    number = "number\nstr(20)\nn\n\nunique\n"
    mistaken = "size\nin\nn\n\n\n"
    size = "size\nint(0,9)\nn\n3\nindex, immutable\n"
    note = "note\ntext\ny\n\n\n"

    shown = at_a_terminal(
        project.folder,
        *("--name", "lamp", "--dry-run"),
        typed=f"{number}{mistaken}{size}{note}\n",
    )

    written = "number:str(20) unique, size:int(0,9)=3 index immutable, note:text?"
    assert f"The fields: '{written}'\n" in shown
    assert 'There is no type "in": did you mean int?\nOnce more.\n' in shown
    assert "class Lamp(VersionMixin, RecordMixin, Base):\n" in shown
    assert not (project.folder / "app/lamps").exists()
