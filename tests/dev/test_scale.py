"""The sums of docs/scale.md, and the simulation behind them against what was measured."""

import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.commands import run
from tests.support.services import ROOT
from tests.support.serving import dev_module

queueing, scale = dev_module("queueing"), dev_module("scale")
# The medians of one run of the benchmark, on a machine with little else to do: later runs differ.
MEASURED = json.loads(Path(__file__).with_name("one_run.json").read_text())["loads"]
PAGE = (ROOT / "template/docs/scale.md").read_text()
WORKS = ("GET one", "list 20", "POST one", "PATCH one", "mixed 80/20")
ONE_PROCESS = [(work, 1, clients) for work in WORKS for clients in (32, 256)]
TWO_PROCESSES = [("GET one", 2, clients) for clients in (32, 256)]


def measured(work: str, processes: int, clients: int, value: str) -> float:
    point = {"work": work, "processes": processes, "connections": clients}
    [found] = [float(load[value]) for load in MEASURED if load.items() >= point.items()]
    return found


def service_of(work: str, processes: int = 1) -> Any:
    """As one client finds it: what is not the CPU of the process is Postgres."""
    cpu = measured(work, 1, 1, "cpu_us")
    return queueing.Service(cpu, 1e6 / measured(work, 1, 1, "rps") - cpu, processes)


@pytest.mark.parametrize(("work", "processes", "clients"), ONE_PROCESS + TWO_PROCESSES)
def test_one_client_foretells_what_many_get(work: str, processes: int, clients: int) -> None:
    told = queueing.simulate(service_of(work, processes), clients=clients)

    assert told.per_second == pytest.approx(measured(work, processes, clients, "rps"), rel=0.2)


@pytest.mark.parametrize("work", ["GET one", "list 20"])
@pytest.mark.parametrize("clients", [32, 256])
def test_one_client_foretells_how_long_reads_of_many_take(work: str, clients: int) -> None:
    told = queueing.simulate(service_of(work), clients=clients)

    assert told.p50_ms == pytest.approx(measured(work, 1, clients, "p50_ms"), rel=0.2)


def test_a_queue_of_arrivals_is_as_long_as_the_theory_says() -> None:
    # M/M/1: the time there is exponential, with the mean 1 / (rate of service - of arrivals).
    server = queueing.Service(0, 1000, pool=10_000, cores=1)
    told = queueing.simulate(server, per_second=500, requests=100_000)

    assert told == pytest.approx((500, 2 * math.log(2), 2 * math.log(100)), rel=0.05)


def test_a_small_pool_makes_requests_queue_for_a_connection() -> None:
    services = [queueing.Service(100, 2000, pool=pool, cores=8) for pool in (1, 4)]

    pools = [queueing.simulate(service, clients=32) for service in services]

    assert [one.per_second for one in pools] == [
        pytest.approx(500, rel=0.05),
        pytest.approx(2000, rel=0.05),
    ]


def test_the_numbers_of_the_page_are_those_of_the_run() -> None:
    assert scale.Numbers().cpu_us == pytest.approx(
        measured("mixed 80/20", 1, 32, "cpu_us"), abs=0.5
    )


def test_the_tables_of_the_page_are_what_the_script_prints() -> None:
    assert scale.report(scale.Numbers()) in PAGE


@pytest.mark.slow
def test_one_gives_ones_own_numbers(render: Callable[..., Path]) -> None:
    done = run(
        "python3", "-m", "dev.scale", "--cpu-us=2000", "--cores=16", cwd=render(kubernetes=True)
    )

    assert re.findall(r"^\| ([\d,]+) \| (\d+) x \| ([\w' ,]+) \|", done.stdout, re.MULTILINE) == [
        ("300", "1", "a process"),
        ("1,091", "4", "connections to Postgres"),
        ("242,424", "808", "the primary's cores"),
    ]


def test_each_number_of_the_page_is_an_option_of_the_script() -> None:
    named = set(re.findall(r"`--([a-z-]+)`", PAGE))

    assert named == {name.replace("_", "-") for name in scale.Numbers.__dataclass_fields__}
