"""The benchmarks run, compare like with like, and count the round trips that are promised."""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from benchmarks import compare, field, figures, load, plan, report, words
from tests.support.commands import UV
from tests.support.services import ROOT, Environment

Render = Callable[..., Path]

ANSWER = "HTTP/1.1 {}\r\nContent-Length: 2\r\n\r\n{{}}"


@pytest.mark.slow
def test_every_contender_does_the_work_and_is_measured(
    render: Render, environment: Environment, tmp_path: Path
) -> None:
    service = Path(shutil.copytree(render(), tmp_path / "my-service"))
    (service / ".venv").symlink_to(environment.folder)
    size = ["--size", "smoke", "--service", str(service), "--output", str(tmp_path)]

    # In a process of its own, for it keeps itself on one core.
    subprocess.run([sys.executable, "-m", "benchmarks", *size], cwd=ROOT, check=True)

    measured = json.loads((tmp_path / "results.json").read_text())
    names = [contender.name for contender in plan.CONTENDERS]
    assert [fact["contender"] for fact in measured["facts"]] == names
    assert [row["contender"] for row in measured["loads"]] == names * 3
    assert [row["failed"] for row in measured["loads"]] == [0] * len(names) * 3
    trips = {fact["contender"]: fact["round_trips"] for fact in measured["facts"]}
    assert trips[plan.LIMIT.name] == {"GET one": 1, "POST one": 1, "PATCH one": 1}
    assert trips[plan.SERVICE.name] == {"GET one": 1, "POST one": 3, "PATCH one": 3}
    assert trips[plan.USUAL.name]["GET one"] > 3
    scaled = [(row["contender"], row["processes"], row["failed"]) for row in measured["scaling"]]
    assert scaled == [(name, count, 0) for name in names for count in (1, 2)]
    told = [(row["contender"], row["work"], row["failed"]) for row in measured["telemetry"]]
    assert told == [
        (name, work, 0)
        for work in ("GET one", "POST one")
        for name in ("the service", "with telemetry, sampled at 100 %")
    ]
    [first, last] = measured["memory"]
    assert 0 < first["requests"] < last["requests"]
    assert 0 < first["mb"] <= last["mb"] * 1.05
    assert "| the service |" in (tmp_path / "results.md").read_text()
    assert (tmp_path / "results.svg").read_text().startswith("<svg ")


@pytest.mark.slow
@pytest.mark.system
def test_the_cost_of_a_pooler_is_measured(
    render: Render, environment: Environment, tmp_path: Path
) -> None:
    service = Path(shutil.copytree(render(), tmp_path / "my-service"))
    (service / ".venv").symlink_to(environment.folder)

    command = [sys.executable, "-m", "benchmarks.poolers", "--size=smoke", f"--service={service}"]
    run = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)

    head, _, *rows = run.stdout.splitlines()
    assert head == "|  | PgBouncer 1.24, 2 | PgBouncer 1.18, 2 |"
    ratios = [re.fullmatch(r"\| (\w+ one) \| \d\.\d\d \| \d\.\d\d \|", row) for row in rows]
    assert [ratio and ratio[1] for ratio in ratios] == ["GET one", "POST one"]


@pytest.mark.slow
@pytest.mark.system
def test_templates_of_the_field_are_rendered_and_asked_for_their_own_example(
    tmp_path: Path,
) -> None:
    """Some of them want a newer Python than the oldest of ours: one of pyenv's, if it is there."""
    newest_first = sorted(Path.home().glob(".pyenv/versions/3.1[2-9]*/bin"), reverse=True)
    path = os.pathsep.join([*map(str, newest_first), os.environ["PATH"]])
    size = ["--size", "smoke of the field", "--output", str(tmp_path)]
    command = [sys.executable, "-m", "benchmarks", *size]

    subprocess.run(command, cwd=ROOT, env={**os.environ, "PATH": path}, check=True)

    measured = json.loads((tmp_path / "results.json").read_text())["field"]
    without, full = (template.name for template in field.TEMPLATES)
    assert [(row["work"], row["contender"], row["failed"]) for row in measured["loads"]] == [
        (work, name, 0)
        for work in ("GET one", "list 20", "create one")
        for name in (plan.SERVICE.name, without, full)
        if (work, name) != ("GET one", without)
    ]
    assert all("fastapi" in each["versions"] for each in measured["contenders"])
    for template in field.TEMPLATES:
        assert f"`{template.rendering}`" in (tmp_path / "results.md").read_text()


@pytest.mark.slow
def test_the_start_of_a_service_does_not_pay_for_alembic(
    service: Path, environment: Environment
) -> None:
    """Only its first probe needs it: a tenth of a second."""
    code = "import os; os.environ['POSTGRES_URL'] = 'postgresql:///none'; "
    code += "import app.main, sys; sys.exit('alembic' in sys.modules)"

    environment.run(service, str(environment.folder / "bin" / "python"), "-c", code)


@pytest.mark.slow
def test_the_cost_of_hostile_text_is_measured(service: Path, environment: Environment) -> None:
    script = str(ROOT / "benchmarks/redaction.py")

    run = environment.run(service, str(environment.folder / "bin" / "python"), "-P", script, ".")

    rows = [re.fullmatch(r"\| `.+` \| (\d+\.\d\d) \|", line) for line in run.stdout.splitlines()]
    assert len(rows) == 8
    assert all(rows)


@pytest.mark.slow
def test_the_cost_of_a_token_is_measured(
    render: Render, environment: Environment, tmp_path: Path
) -> None:
    service = Path(shutil.copytree(render(auth="oidc"), tmp_path / "my-service"))
    script = str(ROOT / "benchmarks/tokens.py")

    run = environment.run(service, str(UV), "run", "python", "-P", script, ".", "3", "100")

    rows = re.findall(r"^\| ([a-z ]+) \| (\d+) \| (-?\d+) \|$", run.stdout, re.MULTILINE)
    assert [kind for kind, _, _ in rows] == ["no token", "the same token", "a new token"]
    assert int(rows[2][2]) > int(rows[1][2])  # what was verified is remembered


@asynccontextmanager
async def answering(*statuses: str) -> AsyncIterator[int]:
    """The port of a server that gives these answers in turn."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(4096):
            counted.append(1)
            writer.write(ANSWER.format(statuses[len(counted) % len(statuses)]).encode())
        writer.close()

    counted: list[int] = []
    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


def test_without_wrk_python_sends_the_load_and_counts_failures() -> None:
    async def run() -> load.Result:
        async with answering("200 OK", "503 Service Unavailable") as port:
            requests = [plan.get_one(()), plan.post_one(())]
            return await load.send(port, requests, connections=4, seconds=1, headers={})

    result = asyncio.run(run())

    assert result.requests > 100
    assert abs(result.failed - result.requests / 2) <= 4
    assert 1 <= result.seconds < 2
    assert 0 < result.p50_ms <= result.p99_ms


def test_ratios_are_those_of_the_same_round() -> None:
    rows = [
        {"contender": name, "round": number, "rps": rps}
        for name, number, rps in (("a", 0, 10), ("a", 1, 40), ("b", 0, 5), ("b", 1, 10))
    ]

    assert figures.ratios(rows, "a", "b") == [2, 4]
    assert figures.spread([2, 4, 3]) == "3.00 (2.00 to 4.00)"


def test_two_processes_are_compared_with_one_of_the_same_round() -> None:
    rows = [
        {"round": number, "processes": count, "cpu_us": used}
        for number, count, used in ((0, 1, 400), (0, 2, 400), (1, 1, 300), (1, 2, 400))
    ]

    assert figures.gains(rows, 2) == [2, 1.5]


def test_the_page_is_that_of_the_results(tmp_path: Path) -> None:
    docs = ROOT / "docs" / "benchmarks"
    shutil.copy2(docs / "results.json", tmp_path)

    report.write(tmp_path)

    for name in ("results.md", "results.svg"):
        assert (tmp_path / name).read_text() == (docs / name).read_text()


def published() -> dict[str, Any]:
    results: dict[str, Any] = json.loads((ROOT / "docs/benchmarks/results.json").read_text())
    return results


def with_speed(results: dict[str, Any], factor: float) -> dict[str, Any]:
    """The same results, had the service answered that many times as many requests/s."""
    for row in results["loads"]:
        row["rps"] *= factor if row["contender"] == plan.SERVICE.name else 1
    return results


@pytest.mark.parametrize(
    ("page", "text"),
    [("README.md", words.summary), ("docs/benchmarks/README.md", words.targets)],
)
def test_what_the_pages_tell_is_what_was_measured(
    page: str, text: Callable[[dict[str, Any]], str]
) -> None:
    told = (ROOT / page).read_text()

    assert words.between(told, text(published())) == told


def test_a_target_is_met_or_missed_as_the_figures_have_it() -> None:
    faster, slower = (words.targets(with_speed(published(), factor)) for factor in (9, 0.1))

    row = "| GET one: at least 2.3 times the usual template |"
    assert f"{row} reached" in faster
    assert f"{row} missed" in slower


def test_a_page_without_marks_is_not_written() -> None:
    with pytest.raises(ValueError, match="0 places"):
        words.between("# A page\n", "text")


@pytest.mark.parametrize(
    ("factor", "word", "code"), [(1, "as published", 0), (2, "faster", 1), (0.5, "slower", 1)]
)
def test_the_nightly_comparison_tells_what_has_moved(
    factor: float, word: str, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "results.json").write_text(json.dumps(with_speed(published(), factor)))

    assert compare.main(str(tmp_path)) == code
    _, _, *rows = [line for line in capsys.readouterr().out.splitlines() if line[:1] == "|"]
    assert len(rows) == 5 * 3 * 2
    assert {row.split("|")[-2].strip() for row in rows} == {word}
