"""The tests of fleet fail when fleet breaks a promise. `mutations.toml` is the list."""

import os
import re
import subprocess
import sysconfig
import venv
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.support import mutations, services
from tests.support.mutations import Mutation

pytestmark = pytest.mark.slow

ALWAYS, FULL = mutations.read(Path(__file__).with_name("mutations.toml"))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "mutation" in metafunc.fixturenames:
        chosen = ALWAYS + FULL if metafunc.config.getoption("--full") else ALWAYS
        metafunc.parametrize("mutation", chosen, ids=lambda mutation: mutation.name)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return copied(tmp_path / "copy")


def copied(folder: Path) -> Path:
    """This repository, with an environment in which `fleet` is the copy's."""
    services.snapshot(folder)
    environment = folder / ".venv"
    venv.create(environment, symlinks=True)
    [packages] = environment.glob("lib/python*/site-packages")
    ours = sysconfig.get_path("purelib")
    (packages / "copy.pth").write_text(f"{folder}\nimport site; site.addsitedir({ours!r})\n")
    for script in Path(sysconfig.get_path("scripts")).iterdir():
        if not (environment / "bin" / script.name).exists():
            (environment / "bin" / script.name).symlink_to(script)
    (environment / "bin/fleet").unlink()
    (environment / "bin/fleet").write_text(
        f"#!{environment}/bin/python\nfrom fleet.cli import main\n\nmain()\n"
    )
    (environment / "bin/fleet").chmod(0o755)
    return folder


def run_tests(copy: Path, tests: Iterable[str]) -> "subprocess.CompletedProcess[str]":
    """Up to the first failure."""
    command = [str(copy / ".venv/bin/python"), "-m", "pytest", "-x", "-q", "-rf", "--tb=line"]
    return subprocess.run(
        [*command, "-p", "no:cacheprovider", *(f"tests/fleet/{test}" for test in tests)],
        cwd=copy,
        env={name: text for name, text in os.environ.items() if not name.startswith("PYTEST_")},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_the_tests_of_fleet_notice(mutation: Mutation, copy: Path) -> None:
    mutation.apply(copy)

    result = run_tests(copy, [mutation.tests])

    failed = re.findall(r"^FAILED (tests/\S+)", result.stdout, re.MULTILINE)
    assert (result.returncode, len(failed)) == (1, 1), (
        f"No test of fleet fails:\n{result.stdout}{result.stderr}"
    )


def test_without_a_fault_they_pass(copy: Path) -> None:
    result = run_tests(copy, sorted({mutation.tests for mutation in ALWAYS}))

    assert result.returncode == 0, result.stdout + result.stderr


def test_every_mutation_has_its_place_and_a_name_of_its_own(copy: Path) -> None:
    names = [mutation.name for mutation in ALWAYS + FULL]

    for mutation in ALWAYS + FULL:
        file = copy / mutation.file
        text = file.read_text()
        mutation.apply(copy)
        assert file.read_text() != text
        assert (copy / "tests/fleet" / mutation.tests.partition("::")[0]).is_file()
        file.write_text(text)

    assert sorted(names) == sorted(set(names))
