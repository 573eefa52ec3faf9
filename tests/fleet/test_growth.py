"""What a run costs grows with the number of services and no faster: 10 of them and 40, or 200 and
2,000 with --full.

With figures: uv run pytest tests/fleet/test_growth.py --full -rP
"""

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from fleet.service import ANSWERS_FILE
from tests.fleet.toys import THEIRS, Toy
from tests.support import edits, services

pytestmark = pytest.mark.slow

# Prints what the process itself has held at most, without its children: see proc(5).
RUN = """
import atexit, sys
from pathlib import Path
from fleet import cli

def peak():
    [line] = [l for l in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in l]
    print(line.split()[1], file=sys.stderr)

atexit.register(peak)
sys.argv[0] = "fleet"
cli.main()
"""
KIB_OF_A_SERVICE = 20
"""What the parent may keep of each: its result, which is printed at the end."""


@dataclass(frozen=True)
class Cost:
    seconds: float
    kib: int


@pytest.fixture
def folders(full: bool, toy: Toy, lamps: Path, tmp_path: Path) -> list[Path]:
    """Services with names of their own, every tenth one with a conflict."""
    toy.release("v1.1.0", dict(THEIRS))
    made = []
    for number in range(2_000 if full else 40):
        folder = tmp_path / "services" / f"service-{number:04}"
        shutil.copytree(lamps, folder)
        edits.replace(folder / ANSWERS_FILE, "service_name: lamps", f"service_name: {folder.name}")
        if not number % 10:
            edits.replace(folder / "shared.txt", "line 5", "mine")
        services.commit(folder, "Name it")
        made.append(folder)
    return made


def cost(command: str, folders: list[Path], outcomes: list[str]) -> Cost:
    named = folders[0].parent / "services.txt"
    named.write_text("\n".join(folder.name for folder in folders))
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", RUN, command, "--file", named, "--json"],
        env=os.environ,
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.perf_counter() - began
    told = json.loads(done.stdout)["services"]
    assert [one.get("outcome", "status") for one in told] == outcomes * (len(folders) // 10)
    assert all(one.get("error") is None for one in told)
    return Cost(seconds, int(done.stderr.split()[-1]))


@pytest.mark.parametrize("command", ["status", "update"])
def test_time_grows_with_the_services_and_the_parents_memory_hardly(
    full: bool, command: str, folders: list[Path]
) -> None:
    few = folders[: 200 if full else 10]
    outcomes = ["conflicts", *["updated"] * 9] if command == "update" else ["status"] * 10

    one = cost(command, few, outcomes)
    all_ = cost(command, folders, outcomes)

    times = len(folders) / len(few)
    sys.stdout.write(
        f"{command}: {len(few)} services {one.seconds:.1f} s, {one.kib >> 10} MiB; "
        f"{len(folders)} services {all_.seconds:.1f} s, {all_.kib >> 10} MiB\n"
    )
    if full:  # fewer services take less than the start of the processes
        assert all_.seconds < 1.5 * times * one.seconds
    assert all_.kib - one.kib < KIB_OF_A_SERVICE * (len(folders) - len(few)) + 2048
