"""The tests of a service whose Postgres is killed end by a sentence."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.services import Environment

KILL = """
import os
import signal
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from app.core.database import Database


async def test_that_kills_its_postgres(server_url: str, database: Database) -> None:
    folder = Path(parse_qs(urlsplit(server_url).query)["host"][0])
    os.kill(int((folder / "data" / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
    while folder.exists():  # its keeper removes it
        pass
"""


@pytest.mark.slow
@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["alone", "with workers"])
def test_a_run_whose_postgres_is_killed_ends_by_a_sentence(
    render: Callable[..., Path],
    environment: Environment,
    tmp_path: Path,
    options: tuple[str, ...],
) -> None:
    service = Path(shutil.copytree(render(), tmp_path / "my-service"))
    (service / "tests/core/test_a_kill.py").write_text(KILL)
    program = str(environment.folder / "bin/pytest")

    tests = ("tests/core/test_a_kill.py", "tests/core/test_database.py")
    ran = environment.run(service, program, "-q", *options, *tests, check=False)

    sentence = "The Postgres of the tests has ended. Run them again."
    assert re.fullmatch(rf"!+ (xdist.dsession.)?Interrupted: {sentence} !+", last(ran.stdout))
    assert "INTERNALERROR" not in ran.stdout
    assert ran.returncode == 2


def last(said: str) -> str:
    """The line before the count of tests."""
    return said.strip().splitlines()[-2]
