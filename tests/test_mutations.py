"""A service's own tests fail when the service breaks a promise. `mutations.toml` is the list."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path, PurePath

import pytest

from tests.support import mutations
from tests.support.mutations import Mutation
from tests.support.services import Environment

pytestmark = pytest.mark.slow


ALWAYS, FULL = mutations.read(Path(__file__).with_name("mutations.toml"))


# Which answers bring the files whose path has this part.
ANSWERS: dict[str, dict[str, object]] = {"auth": {"auth": "oidc"}, "telemetry": {"telemetry": True}}


def answers_of(mutation: Mutation) -> dict[str, object]:
    files = PurePath(mutation.file), PurePath(mutation.tests)
    parts = dict.fromkeys(PurePath(part).stem for file in files for part in file.parts)
    return {name: answer for part in parts for name, answer in ANSWERS.get(part, {}).items()}


def likely(mutation: Mutation, service: Path) -> list[str]:
    """The test file of the edited module, where most faults are noticed."""
    if mutation.tests:
        return [mutation.tests]
    module = PurePath(mutation.file)
    test = PurePath("tests", *module.parts[1:-1], f"test_{module.name}")
    return [str(test)] if (service / test).is_file() else []


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "mutation" in metafunc.fixturenames:
        chosen = ALWAYS + FULL if metafunc.config.getoption("--full") else ALWAYS
        metafunc.parametrize("mutation", chosen, ids=lambda mutation: mutation.name)


@pytest.fixture
def copy(
    render: Callable[..., Path], environment: Environment, mutation: Mutation, tmp_path: Path
) -> Path:
    answers = answers_of(mutation)
    service = Path(shutil.copytree(render(**answers), tmp_path / "my-service"))
    if answers:  # their dependencies, beside those of all services
        environment.run(service, os.environ.get("UV", "uv"), "sync", "--quiet", "--inexact")
    return service


def run_tests(
    service: Path, environment: Environment, *files: str
) -> "subprocess.CompletedProcess[str]":
    """Up to the first failure. The libraries' bytecode is kept: it halves the time."""
    python = environment.folder / "bin" / "python"
    variables = {**environment.variables}
    del variables["PYTHONDONTWRITEBYTECODE"]
    return subprocess.run(
        [python, "-m", "pytest", "-x", "-q", "-rf", "--tb=line", "-p", "no:cacheprovider", *files],
        cwd=service,
        env=variables,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_tests_of_a_service_notice(
    mutation: Mutation, copy: Path, environment: Environment, full: bool
) -> None:
    mutation.apply(copy)
    files = likely(mutation, copy)

    result = run_tests(copy, environment, *files)
    if not result.returncode and full:
        files = []  # all of them, which takes minutes for a hundred faults
        result = run_tests(copy, environment)

    failed = re.findall(r"^FAILED (tests/\S+)", result.stdout, re.MULTILINE)
    assert (result.returncode, len(failed)) == (1, 1), (
        f"None of these tests of the service fails: {', '.join(files) or 'all'}. Name the file "
        f"that notices {mutation.name!r} in mutations.toml.\n{result.stdout}{result.stderr}"
    )


def test_a_fault_that_is_always_tried_has_tests_that_notice_it(render: Callable[..., Path]) -> None:
    """Without one, the whole suite of the service would run to look for it."""
    unnamed = [
        mutation.name for mutation in ALWAYS if not likely(mutation, render(**answers_of(mutation)))
    ]

    assert unnamed == []


def test_every_mutation_has_its_place_and_a_name_of_its_own(
    render: Callable[..., Path], tmp_path: Path
) -> None:
    names = [mutation.name for mutation in ALWAYS + FULL]

    for number, mutation in enumerate(ALWAYS + FULL):
        service = render(**answers_of(mutation))
        [file] = service.glob(mutation.file)
        copy = tmp_path / str(number) / file.relative_to(service)
        copy.parent.mkdir(parents=True)
        shutil.copy(file, copy)
        mutation.apply(tmp_path / str(number))

    assert sorted(names) == sorted(set(names))
