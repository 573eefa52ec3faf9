"""The work on one service may fail in any way: it is a row, and the others go on."""

import json
import os
import signal
import subprocess
import sysconfig
import time
from pathlib import Path

import pytest

from fleet import limited
from fleet.addresses import Allowed
from fleet.errors import FleetError
from fleet.fences import Limits, for_each
from fleet.service import Service
from fleet.template import Template
from tests.fleet.conftest import Fleet, outcomes
from tests.fleet.toys import Toy
from tests.support import services

pytestmark = pytest.mark.slow

FLEET = str(Path(sysconfig.get_path("scripts"), "fleet"))


def refused(_: Path, error: FleetError) -> str:
    return str(error)


def work(service: Service, _: Template) -> str:
    """What breaks a fence, by the service's folder."""
    name = service.folder.name
    if name == "raises":
        raise ValueError("what a stranger wrote")
    if name == "hangs":
        signal.pause()
    if name == "eats":
        bytearray(limited.MEMORY)
    if name == "nests":
        work_again(name)
    if name == "crashes":
        os.kill(os.getpid(), signal.SIGSEGV)
    return "done"


def work_again(name: str) -> None:
    work_again(name)


def test_each_service_has_a_sentence_and_the_others_their_result(
    toy: Toy, tmp_path: Path, named: str
) -> None:
    bad = ["raises", "hangs", "eats", "nests", "crashes"]
    folders = [toy.service(tmp_path / name) for name in [*bad, "good", "better"]]
    for folder in folders:
        services.commit(folder, "Start")
    allowed = Limits(seconds=5, allowed=Allowed((named,)))

    results = for_each(folders, work, refused, allowed)

    assert dict(zip(bad, results, strict=False)) == {
        "raises": f"{tmp_path}/raises cannot be read: ValueError: what a stranger wrote.",
        "hangs": f"The work on {tmp_path}/hangs took more than 5 s: --timeout allows more.",
        "eats": f"The work on {tmp_path}/eats needs more than 2 GB of memory.",
        "nests": f"{tmp_path}/nests has something that is nested too deeply to be read.",
        "crashes": f"The work on {tmp_path}/crashes crashed.",
    }
    assert results[-2:] == ["done", "done"]


def test_a_check_that_hangs_is_ended_with_all_that_it_started(fleet: Fleet, shop: Path) -> None:
    check = f"test -e .copier-answers.yml; sleep 1000 & echo $! > {shop}/pid; wait"

    run = fleet(shop, "update", "plain", "recent", "--check", check, "--timeout", "5", "--json")

    assert (run.code, outcomes(run)) == (1, {"plain": "refused", "recent": "up to date"})
    assert (
        "took more than 5 s: --timeout allows more."
        in json.loads(run.output)["services"][0]["note"]
    )
    assert not is_running(int((shop / "pid").read_text()))


def test_the_limit_of_memory_does_not_hold_for_a_check(fleet: Fleet, shop: Path) -> None:
    run = fleet(shop, "update", "plain", "--check", 'test "$(ulimit -d)" = "$(ulimit -H -d)"')

    assert run.code == 0


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_run_that_is_stopped_leaves_no_process_and_the_next_one_no_folder(
    shop: Path, how: signal.Signals
) -> None:
    temporary = shop / "temporary"
    temporary.mkdir()
    os.mkfifo(shop / "begun")
    check = f"sleep 1000 & echo $! > {shop}/begun; wait"
    environment = os.environ | {"TMPDIR": str(temporary)}

    with subprocess.Popen(
        [FLEET, "update", "plain", "--check", check],
        cwd=shop,
        env=environment,
    ) as run:
        child = int((shop / "begun").read_text())
        run.send_signal(how)
    left = list(temporary.iterdir())
    subprocess.run([FLEET, "status", "recent"], cwd=shop, env=environment, check=True)

    wait_for_the_end_of(child)
    assert bool(left) is (how is signal.SIGKILL)
    assert list(temporary.iterdir()) == []
    assert services.git(shop / "plain", "branch") == "* main\n"


def is_running(process: int) -> bool:
    """A process that has ended and that nobody has waited for is not."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def wait_for_the_end_of(process: int) -> None:
    """It is killed when its run's pipe closes, which nobody can wait for."""
    limit = time.monotonic() + 30
    while is_running(process):
        assert time.monotonic() < limit, f"{process} still runs"
        time.sleep(0.05)
