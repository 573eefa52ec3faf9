"""What somebody sees whom copier asks, in a terminal of 80 columns."""

import fcntl
import os
import pty
import select
import struct
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyte
import pytest
import yaml

from tests.support.services import ROOT
from tests.support.serving import DEADLINE_SECONDS

COLUMNS, ROWS = 80, 24
CONFIGURATION: dict[str, Any] = yaml.safe_load((ROOT / "copier.yml").read_text())
ASKED = {
    name: question["help"]
    for name, question in CONFIGURATION.items()
    if not name.startswith("_") and question.get("ask", True)
}
ENTER, ERASE = "\r", "\x15"


class Terminal(pyte.Screen):
    """A screen, and a program that draws on it."""

    def __init__(self, pid: int, side: int) -> None:
        super().__init__(COLUMNS, ROWS)
        self.pid, self.side = pid, side
        self.stream = pyte.ByteStream(self)
        fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))

    def write_process_input(self, data: str) -> None:
        """The screen's own answers: where its cursor is, what it is."""
        self.type(data)

    def type(self, text: str) -> None:
        os.write(self.side, text.encode())

    @property
    def text(self) -> str:
        return "\n".join(line.rstrip() for line in self.display)

    def wait_for(self, text: str) -> None:
        """Fails with what is shown if the text does not come, whole and in one line."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while text not in self.text:
            assert time.monotonic() < deadline, f"{text!r} is not shown:\n{self.text}"
            if select.select([self.side], [], [], 0.1)[0]:
                self.stream.feed(os.read(self.side, 4096))


@contextmanager
def copier(template: Path, service: Path) -> Iterator[Terminal]:
    pid, side = pty.fork()
    if pid == 0:
        program = Path(sys.executable).parent / "copier"
        variables = os.environ | {"TERM": "xterm"}
        os.execve(program, ["copier", "copy", str(template), str(service)], variables)
    try:
        yield Terminal(pid, side)
    finally:
        os.close(side)
        os.waitpid(pid, 0)


@pytest.mark.slow
def test_each_question_is_whole_in_80_columns(questions: Path, tmp_path: Path) -> None:
    with copier(questions, tmp_path / "My Shop") as terminal:
        for text in ASKED.values():
            terminal.wait_for(text)
            terminal.type(ENTER)
        terminal.wait_for("create  .copier-answers.yml")


@pytest.mark.slow
def test_a_refused_answer_shows_in_80_columns_what_to_write_instead(
    questions: Path, tmp_path: Path
) -> None:
    with copier(questions, tmp_path / "shop") as terminal:
        terminal.wait_for(ASKED["service_name"])
        terminal.type(f"{ERASE}My Shop!{ENTER}")
        terminal.wait_for('Try "my-shop": ')
        terminal.type(f"{ERASE}my-shop{ENTER}")
        terminal.wait_for(ASKED["description"])
