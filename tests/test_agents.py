"""The two pages for assistants: what they name exists, and what they say of others is so."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.markdown import code_spans, section
from tests.support.services import ROOT, Environment

Render = Callable[..., Path]

COMMAND = re.compile(r"^ {4}(\S.*?)(?: +#.*)?$", re.MULTILINE)
NOT_YET = {"AGENTS.local.md", ".uv/bin/uv"}
"""What a service may add, and what make writes."""


@pytest.fixture(params=["repository", "service"])
def project(request: pytest.FixtureRequest, render: Render) -> Path:
    return ROOT if request.param == "repository" else render()


@pytest.fixture
def page(project: Path) -> str:
    return (project / "AGENTS.md").read_text()


def commands(page: str) -> list[str]:
    found: list[str] = COMMAND.findall(section(page, "Commands"))
    return found


def sources(project: Path, folder: str) -> str:
    return "\n".join(file.read_text() for file in (project / folder).rglob("*.py"))


def test_the_page_is_one_page(page: str) -> None:
    lines = page.splitlines()

    assert len(lines) <= 75
    assert [line for line in lines if len(line) > 100 and not line.startswith("|")] == []


def test_every_target_that_the_page_names_exists(project: Path, page: str) -> None:
    makefile = (project / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z][a-z-]*):", makefile, re.MULTILINE))

    named = {
        word
        for command in [*commands(page), *code_spans(page)]
        if command.startswith("make ")
        for word in re.sub(r"\w+=(\"[^\"]*\"|\S+)", "", command).split()[1:]
    }

    assert {"check", "format"} <= named
    assert named - targets == set()


def test_every_command_of_uv_that_the_page_names_can_run(project: Path, page: str) -> None:
    for command in commands(page):
        if command.startswith("make "):
            continue
        [kind, what] = re.findall(r"uv run (pytest|python -m) (\S+)", command)[0]
        path = what if kind == "pytest" else what.replace(".", "/")
        assert (project / path).exists(), command


def test_every_path_that_the_page_names_exists(project: Path, page: str) -> None:
    paths = {span for span in code_spans(page) if re.fullmatch(r"[\w.-]*[/.][\w./-]*\w/?", span)}
    paths = {path for path in paths if not re.fullmatch(r"asyncio\.\w+", path)}

    missing = {path for path in paths - NOT_YET if not (project / path).exists()}

    assert len(paths) > 5
    assert missing == set()


def test_every_test_that_the_page_names_exists(project: Path, page: str) -> None:
    named = set(re.findall(r"\btest_\w+\b(?!\.py)", page))

    assert named
    assert named - set(re.findall(r"def (test_\w+)", sources(project, "tests"))) == set()


def test_every_class_that_a_service_s_page_names_is_in_the_code(render: Render) -> None:
    service = render()
    page = (service / "AGENTS.md").read_text()

    named = {span for span in code_spans(page) if re.fullmatch(r"[A-Z]\w+", span)} - {"Makefile"}

    code = sources(service, "app")
    assert {"SessionDep", "ReadSessionDep", "AppError"} < named
    assert {name for name in named if not re.search(rf"\b{name}\b", code)} == set()


@pytest.mark.slow
def test_fastapi_s_advice_is_what_the_page_of_a_service_argues_with(
    environment: Environment,
) -> None:
    [advice] = environment.folder.glob("lib/*/site-packages/fastapi/.agents/skills/fastapi")
    text = "\n".join(file.read_text() for file in sorted(advice.rglob("*.md")))

    said = [
        'Use the default scope `"request"` to run the exit code after the response is sent back.',
        "prefer using SQLModel",
        "In case of doubt, or by default, use regular `def` functions.",
        "fastapi dev",
        "fastapi run",
        "Use HTTPX for handling HTTP communication",
    ]
    assert [sentence for sentence in said if sentence not in text] == []


@pytest.mark.slow
def test_the_tests_that_the_page_of_a_service_selects_are_some(
    service: Path, environment: Environment
) -> None:
    [command] = [line for line in commands((service / "AGENTS.md").read_text()) if " -k " in line]
    arguments = command.removeprefix('make test ARGS="').removesuffix('"').split()
    pytest_ = str(environment.folder / "bin/pytest")
    options = ["--collect-only", "-q", "-p", "no:cacheprovider"]

    collected = environment.run(service, pytest_, *options, *arguments).stdout

    assert re.search(r"\b\d+/\d+ tests collected", collected)
