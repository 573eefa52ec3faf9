"""Commands that work on one thing have limits too, which end before what a person asks for."""

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fleet.errors import FleetError
from fleet.limited import Fence
from tests.fleet.conftest import Fleet
from tests.fleet.toys import Toy, status
from tests.support import services

ENDLESS = "{% for a in range(99999) %}" * 4 + "{% endfor %}" * 4
HUGE = "{% set x = 'x' * 4000000000 %}{{ x }}\n"
SERVICE = [("update", "--no-checks"), ("branch", "--body", "body.md")]


@pytest.mark.slow
@pytest.mark.parametrize("arguments", SERVICE, ids=" ".join)
def test_a_template_that_renders_for_ever_leaves_a_service_as_it_was(
    fleet: Fleet, toy: Toy, lamps: Path, arguments: tuple[str, ...]
) -> None:
    toy.release("v2.0.0", {"template/x.txt.jinja": ENDLESS})

    run = fleet(lamps, "service", *arguments, "--timeout", "1")

    said = f"fleet: The work on {lamps} took more than 1 s: --timeout allows more.\n"
    assert (run.code, run.errors) == (1, said)
    assert status(lamps) == []
    assert services.git(lamps, "branch") == "* main\n"


@pytest.mark.slow
def test_a_template_that_renders_for_ever_is_neither_adopted_nor_checked(
    fleet: Fleet, toy: Toy, tmp_path: Path, named: str
) -> None:
    toy.release("v2.0.0", {"template/x.txt.jinja": ENDLESS})
    (tmp_path / "older").mkdir()
    services.commit(tmp_path / "older", "Start")
    (tmp_path / "preset.yml").write_text("port: 9000\n")
    order = ("--template", named, "--timeout", "1")

    adopted = fleet(tmp_path, "adopt", "older", "--write", *order)
    checked = fleet(tmp_path, "preset", "preset.yml", *order)

    said = "fleet: The work on {} took more than 1 s: --timeout allows more.\n"
    assert (adopted.code, adopted.errors) == (1, said.format("older"))
    assert (checked.code, checked.errors) == (1, said.format("preset.yml"))
    assert status(tmp_path / "older") == []


@pytest.mark.slow
def test_a_template_that_eats_memory_is_refused(fleet: Fleet, toy: Toy, lamps: Path) -> None:
    toy.release("v2.0.0", {"template/x.txt.jinja": HUGE})
    before = resource.getrlimit(resource.RLIMIT_DATA)

    run = fleet(lamps, "service", "update", "--no-checks")

    assert (run.code, status(lamps)) == (1, [])
    assert run.errors.startswith("fleet: Version v2.0.0 of the template does not render")
    assert resource.getrlimit(resource.RLIMIT_DATA) == before


@pytest.mark.slow
def test_the_limit_of_memory_does_not_hold_for_checks_that_a_person_asked_for(
    fleet: Fleet, toy: Toy, lamps: Path
) -> None:
    asks = 'check:\n\ttest "$$(ulimit -d)" = "$$(ulimit -H -d)"\nlock test:\n'
    toy.release("v1.1.0", {"template/Makefile": asks})

    run = fleet(lamps, "service", "update")

    assert run.code == 0


def test_a_program_that_hangs_is_ended_in_time(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(FleetError) as error, Fence(tmp_path, 0.1).inside():
        (tmp_path / "pipe").read_bytes()

    assert str(error.value) == (
        f"The work on {tmp_path} took more than 0.1 s: --timeout allows more."
    )


def test_time_is_counted_from_the_first_step_to_the_last(tmp_path: Path) -> None:
    fence = Fence(tmp_path, 60, began=time.monotonic() - 61)

    with pytest.raises(FleetError) as error, fence.inside():
        signal.pause()

    assert "took more than 60 s" in str(error.value)


def test_what_fails_inside_is_a_sentence_and_the_limits_end(tmp_path: Path) -> None:
    usual = (signal.getsignal(signal.SIGALRM), resource.getrlimit(resource.RLIMIT_DATA))
    told = []
    for fault in (ValueError("wrong"), MemoryError(), RecursionError(), FleetError("Known.")):
        with pytest.raises(FleetError) as error, Fence(tmp_path).inside():
            raise fault
        told.append(str(error.value))

    with Fence(tmp_path).inside():
        assert signal.getitimer(signal.ITIMER_REAL)[0] > 500

    assert told == [
        f"{tmp_path} cannot be read: ValueError: wrong.",
        f"The work on {tmp_path} needs more than 2 GB of memory.",
        f"{tmp_path} has something that is nested too deeply to be read.",
        "Known.",
    ]
    assert (signal.getsignal(signal.SIGALRM), resource.getrlimit(resource.RLIMIT_DATA)) == usual
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_a_lower_limit_of_memory_of_the_person_stays() -> None:
    code = "from fleet.limited import limit_memory; print(limit_memory(), limit_memory())"
    command = f'ulimit -S -d 500000; ulimit -H -d 900000; exec "{sys.executable}" -c "{code}"'

    done = subprocess.run(["bash", "-c", command], check=True, capture_output=True, text=True)

    assert done.stdout == f"{(500_000 << 10, 900_000 << 10)} {(500_000 << 10, 900_000 << 10)}\n"
