"""What the answers render to: which files, that they are valid, and what each answer may change.

After a change to the set of files, rewrite the snapshots and read their diff:

    UPDATE_SNAPSHOTS=1 uv run pytest tests/rendering
"""

import os
import re
import shutil
import tomllib
import warnings
from collections.abc import Iterable
from itertools import combinations, product
from pathlib import Path
from typing import Any

import copier
import pytest
import yaml

from tests.rendering.combinations import (
    ANSWERS_FILE,
    COMBINATIONS,
    DEFAULTS,
    EVERYTHING,
    NOTHING,
    PAIRS,
    QUESTIONS,
    QUICK,
    Answers,
    Render,
)
from tests.support import services
from tests.support.services import Environment
from tests.support.trees import contents_of

SNAPSHOTS = Path(__file__).parent / "snapshots"
SERVICES = {"defaults": DEFAULTS, "everything": EVERYTHING, "nothing": NOTHING}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    full = metafunc.config.getoption("--full")
    if "answers" in metafunc.fixturenames:
        chosen = SERVICES | PAIRS if full else SERVICES
        metafunc.parametrize("answers", chosen.values(), ids=chosen)
    if "again" in metafunc.fixturenames:
        metafunc.parametrize("again", COMBINATIONS if full else sorted(QUICK))


@pytest.mark.slow
def test_a_render_says_what_it_creates_and_nothing_else(
    template: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    service = tmp_path / "my-service"
    version = services.git(template, "describe", "--always").strip()
    capsys.readouterr()

    copier.run_copy(str(template), service, data=EVERYTHING, defaults=True, vcs_ref="HEAD")

    said = re.sub(r"\x1b\[\d*m", "", capsys.readouterr().err).splitlines()
    listed = {line.removeprefix("    create  ") for line in said if line.startswith("    create")}
    message = said.index(f"{EVERYTHING['service_name']} is ready. Next:")
    assert listed == {str(path.relative_to(service)) for path in service.rglob("*")}
    assert [line for line in said[:message] if not line.startswith("    create")] == [
        "",
        f"Copying from template version 0.0.0.post1.dev0+{version}",
        "",
    ]


@pytest.mark.slow
def test_two_renders_are_the_same_and_give_no_warning(
    render: Render, again: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    first = render(**COMBINATIONS[again])
    source = yaml.safe_load((first / ANSWERS_FILE).read_text())["_src_path"]
    capfd.readouterr()

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        second = services.render(source, tmp_path / "my-service", **COMBINATIONS[again])

    assert contents_of(second) == contents_of(first)
    assert (caught, capfd.readouterr()) == ([], ("", ""))


def snapshot_of(combination: str, render: Render) -> str:
    """The list of files; of all but the default service, what differs from that one."""
    files = set(contents_of(render(**COMBINATIONS[combination])))
    if combination == "defaults":
        return "".join(f"{file}\n" for file in sorted(files))
    defaults = set(contents_of(render()))
    added = [f"+ {file}\n" for file in sorted(files - defaults)]
    missing = [f"- {file}\n" for file in sorted(defaults - files)]
    return "".join(["= defaults.txt\n", *added, *missing])


def test_the_list_of_files_is_that_of_the_snapshot(render: Render, combination: str) -> None:
    snapshot = SNAPSHOTS / f"{combination}.txt"
    if "UPDATE_SNAPSHOTS" in os.environ:
        snapshot.write_text(snapshot_of(combination, render))

    assert snapshot_of(combination, render) == snapshot.read_text()


def test_there_is_a_snapshot_for_each_combination_and_no_other() -> None:
    assert {file.name for file in SNAPSHOTS.iterdir()} == {f"{name}.txt" for name in COMBINATIONS}


def test_this_repository_and_its_services_use_the_same_ruff(render: Render) -> None:
    # fleet formats what it rewrites by ruff: here it is a dependency.
    fleet, service = (
        tomllib.loads((folder / "pyproject.toml").read_text())
        for folder in (services.ROOT, render())
    )

    ours, theirs = (
        [name for name in names if str(name).startswith("ruff")]
        for names in (fleet["project"]["dependencies"], service["dependency-groups"]["dev"])
    )

    assert len(ours) == 1
    assert ours == theirs


def test_each_two_answers_meet_in_a_service_that_is_tested() -> None:
    def together(rows: Iterable[Answers]) -> set[tuple[tuple[str, Any], ...]]:
        return {pair for row in rows for pair in combinations(((q, row[q]) for q in QUESTIONS), 2)}

    values = {question: {row[question] for row in PAIRS.values()} for question in QUESTIONS}
    every = (dict(zip(QUESTIONS, row, strict=True)) for row in product(*values.values()))

    assert together(PAIRS.values()) == together(every)


@pytest.mark.slow
@pytest.mark.parametrize("target", ["check", "test"])
def test_a_rendered_service_passes_its_own_checks_and_tests(
    render: Render, environment: Environment, tmp_path: Path, answers: Answers, target: str
) -> None:
    service = tmp_path / "my-service"
    shutil.copytree(render(**answers), service)

    ran = environment.run(service, "make", target, "PYTEST_XDIST_AUTO_NUM_WORKERS=2")

    assert ("\n2 workers [" in ran.stdout) is (target == "test")
    left = set(contents_of(service)) - set(contents_of(render(**answers))) - {"uv.lock"}
    assert {path.split("/")[0] for path in left} <= {
        ".import_linter_cache",
        ".mypy_cache",
        ".pytest_cache",
        ".ruff_cache",
    }
