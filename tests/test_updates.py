"""Every commit that has a copier.yml is a version that an update may start from."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import copier
import pytest
import yaml

from tests import services

ANSWERS_FILE = ".copier-answers.yml"

# Rendered once, then the service's own: an update neither changes nor restores them.
SEEDS = ("app/items/", "tests/items/", "migrations/versions/")

EDITED = "app/items/service.py"
EDIT = '''

async def count_items(session: AsyncSession) -> int:
    """How many items there are."""
    return len((await session.scalars(select(Item))).all())
'''

ANSWERS: dict[str, dict[str, Any]] = {
    "defaults": {},
    "everything": {
        "description": """Lamps \\ "tables": {{ it's }} 100 % # ${all} 🎉""",
        "postgres_version": 15,
        "license": "MIT",
        "team": "@acme/lamps",
        "http_port": 9000,
        "python_image_version": "3.12",
        "license_holder": "null",
    },
    "nothing": {"container": False, "ci": "none", "license": "proprietary"},
}

Files = dict[str, tuple[int, bytes]]


def versions(repository: Path) -> list[str]:
    """The commits of a history that have a copier.yml, the oldest first."""
    commits = services.git(repository, "rev-list", "--reverse", "--topo-order", "HEAD").split()
    return [
        commit
        for commit in commits
        if services.git(repository, "ls-tree", "--name-only", commit, "copier.yml")
    ]


def sample(versions: list[str], size: int = 8) -> list[str]:
    """The first, the last three, and between them as many as make up the size, evenly spread."""
    if len(versions) <= size:
        return versions
    between, wanted = versions[1:-3], size - 4
    spread = [between[(2 * n + 1) * len(between) // (2 * wanted)] for n in range(wanted)]
    return [versions[0], *spread, *versions[-3:]]


def is_shallow(repository: Path) -> bool:
    return services.git(repository, "rev-parse", "--is-shallow-repository").strip() == "true"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """All versions with --full, else a sample; without slow tests, the first."""
    if "version" not in metafunc.fixturenames:
        return
    every = versions(services.ROOT)
    chosen = every if metafunc.config.getoption("--full") else sample(every)
    metafunc.parametrize(
        "version",
        [
            pytest.param(commit, marks=[pytest.mark.slow] if number else [], id=commit[:10])
            for number, commit in enumerate(chosen)
        ],
    )


@pytest.fixture(scope="session")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This repository with its whole history, and the working tree as its newest version."""
    clone = tmp_path_factory.mktemp("releases") / "template"
    services.git(services.ROOT, "clone", "--quiet", "--no-tags", str(services.ROOT), str(clone))
    for entry in clone.iterdir():
        if entry.is_dir() and entry.name != ".git":
            shutil.rmtree(entry)
        elif entry.is_file():
            entry.unlink()
    return services.snapshot(clone)


def render(releases: Path, destination: Path, version: str = "HEAD", **answers: object) -> Path:
    copier.run_copy(
        str(releases), destination, data=answers, vcs_ref=version, defaults=True, quiet=True
    )
    return destination


@pytest.fixture(scope="session")
def fresh(releases: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """What the working tree renders to with the same answers. It is shared: never write into it."""
    rendered: dict[str, Path] = {}

    def fresh(answers: dict[str, Any]) -> Path:
        key = repr(sorted(answers.items()))
        if key not in rendered:
            destination = tmp_path_factory.mktemp("fresh") / "my-service"
            rendered[key] = render(releases, destination, **answers)
        return rendered[key]

    return fresh


def update(service: Path) -> None:
    """What `copier update --defaults` does in a service whose work is committed."""
    services.commit(service, "Before the update")
    copier.run_update(service, vcs_ref="HEAD", defaults=True, overwrite=True, quiet=True)


def add_dependencies(service: Path) -> None:
    """`uv add` writes to pyproject.toml alone when frozen: no lock file, no network."""
    for arguments in (["tenacity>=9"], ["--dev", "time-machine>=3"]):
        command = [os.environ.get("UV", "uv"), "add", "--quiet", "--frozen", *arguments]
        subprocess.run(command, cwd=service, check=True)


def add_a_function_to_the_example(service: Path) -> None:
    with (service / EDITED).open("a") as file:
        file.write(EDIT)


def answers_of(service: Path) -> dict[str, Any]:
    recorded: dict[str, Any] = yaml.safe_load((service / ANSWERS_FILE).read_text())
    return {key: value for key, value in recorded.items() if not key.startswith("_")}


def files_of(service: Path) -> Files:
    """What git would commit: mode and content by path."""
    listed = services.git(service, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    files = {path: service / path for path in listed.split("\0") if path}
    return {
        path: (file.stat().st_mode & 0o111, file.read_bytes())
        for path, file in files.items()
        if file.exists()
    }


def all_files(folder: Path) -> Files:
    """What a render without a repository holds."""
    files = [file for file in folder.rglob("*") if file.is_file()]
    return {
        str(file.relative_to(folder)): (file.stat().st_mode & 0o111, file.read_bytes())
        for file in files
    }


def without_seeds(files: Files) -> Files:
    return {path: file for path, file in files.items() if not path.startswith(SEEDS)}


def seeds(files: Files) -> Files:
    return {path: file for path, file in files.items() if path.startswith(SEEDS)}


def conflicts(service: Path) -> list[str]:
    """What an update could not merge. Copier ends with success all the same."""
    status = services.git(service, "status", "--porcelain", "--ignored", "--untracked-files=all")
    unmerged = [line for line in status.splitlines() if re.match("U.|.U|AA|DD", line)]
    rejected = [line for line in status.splitlines() if line.endswith((".rej", ".orig"))]
    marked = [
        f"{path}: {line}"
        for path, (_, content) in files_of(service).items()
        for line in content.decode().splitlines()
        if re.match(r"(<{7}|\|{7}|>{7})( |$)", line)
    ]
    return unmerged + rejected + marked


def as_repository(service: Path) -> Path:
    services.commit(service, "Start from the template")
    return service


def differences(one: Files, other: Files) -> dict[str, tuple[object, object]]:
    """The paths that are not the same, with both contents: short where a whole tree differs."""
    return {
        path: (one.get(path), other.get(path))
        for path in sorted(one | other)
        if one.get(path) != other.get(path)
    }


def test_the_whole_history_is_here() -> None:
    assert not is_shallow(services.ROOT), (
        "This clone is shallow: updates start from every commit, so fetch them all "
        "(git fetch --unshallow; fetch-depth: 0 in CI)."
    )
    assert versions(services.ROOT) != []


def test_a_shallow_clone_is_told_from_a_whole_one(template: Path, tmp_path: Path) -> None:
    services.git(tmp_path, "clone", "--quiet", str(template), "template")
    services.commit(tmp_path / "template", "Another")
    address = f"file://{tmp_path}/template"
    services.git(tmp_path, "clone", "--quiet", "--depth=1", address, "shallow")

    assert (is_shallow(tmp_path / "template"), is_shallow(tmp_path / "shallow")) == (False, True)


def test_a_commit_without_questions_is_no_version(tmp_path: Path) -> None:
    repository = tmp_path / "template"
    repository.mkdir()
    services.commit(repository, "Nothing yet")
    (repository / "copier.yml").write_text("name: {type: str}\n")
    services.commit(repository, "A question")
    services.commit(repository, "Another version")

    messages = [
        services.git(repository, "log", "-1", "--format=%s", commit).strip()
        for commit in versions(repository)
    ]

    assert messages == ["A question", "Another version"]


@pytest.mark.parametrize(
    ("history", "chosen"),
    [
        ("", ""),
        ("a", "a"),
        ("abcdefgh", "abcdefgh"),
        ("abcdefghi", "abcefghi"),
        ("abcdefghijklmnopqrstuvwxyz", "adjouxyz"),
    ],
)
def test_a_sample_has_the_first_the_last_three_and_some_between(history: str, chosen: str) -> None:
    assert "".join(sample(list(history))) == chosen


@pytest.mark.parametrize(
    "answers",
    [
        pytest.param(answers, marks=[] if name == "defaults" else pytest.mark.slow, id=name)
        for name, answers in ANSWERS.items()
    ],
)
def test_an_untouched_service_becomes_what_a_fresh_render_is(
    releases: Path,
    fresh: Callable[..., Path],
    version: str,
    answers: dict[str, Any],
    tmp_path: Path,
) -> None:
    service = as_repository(render(releases, tmp_path / "my-service", version, **answers))
    before, recorded = files_of(service), answers_of(service)

    update(service)

    after, expected = files_of(service), fresh(recorded)
    assert conflicts(service) == []
    assert {name: answers_of(service)[name] for name in recorded} == recorded
    assert differences(without_seeds(after), without_seeds(all_files(expected))) == {}
    assert differences(seeds(after), seeds(before)) == {}


def test_an_update_keeps_dependencies_and_edits_in_the_example(
    releases: Path, fresh: Callable[..., Path], version: str, tmp_path: Path
) -> None:
    service = as_repository(render(releases, tmp_path / "my-service", version))
    recorded = answers_of(service)
    add_dependencies(service)
    add_a_function_to_the_example(service)
    before = files_of(service)

    update(service)

    expected = tmp_path / "fresh" / "my-service"
    shutil.copytree(fresh(recorded), expected)
    add_dependencies(expected)
    after = files_of(service)
    assert conflicts(service) == []
    assert {name: answers_of(service)[name] for name in recorded} == recorded
    assert differences(seeds(after), seeds(before)) == {}
    assert differences(without_seeds(after), without_seeds(all_files(expected))) == {}


def test_an_update_does_not_bring_a_removed_example_back(releases: Path, tmp_path: Path) -> None:
    oldest = versions(services.ROOT)[0]
    service = as_repository(render(releases, tmp_path / "my-service", oldest))
    shutil.rmtree(service / "app/items")
    shutil.rmtree(service / "tests/items")
    before = files_of(service)

    update(service)

    assert conflicts(service) == []
    assert differences(seeds(files_of(service)), seeds(before)) == {}


def test_rendering_anew_keeps_edits_in_the_example(releases: Path, tmp_path: Path) -> None:
    service = as_repository(render(releases, tmp_path / "my-service"))
    add_a_function_to_the_example(service)
    services.commit(service, "Count items")
    before = files_of(service)

    copier.run_recopy(service, vcs_ref="HEAD", defaults=True, overwrite=True, quiet=True)

    assert differences(files_of(service), before) == {}


def test_conflicts_are_seen(tmp_path: Path) -> None:
    template, service = tmp_path / "template", tmp_path / "service"
    template.mkdir()
    (template / "copier.yml").write_text("name: {type: str, default: lamps}\n")
    (template / "{{ _copier_conf.answers_file }}.jinja").write_text("{{ _copier_answers|to_yaml }}")
    (template / "one.txt").write_text("one\n")
    services.commit(template, "One")
    as_repository(render(template, service))
    (service / "one.txt").write_text("mine\n")
    (template / "one.txt").write_text("two\n")
    services.commit(template, "Two")

    update(service)

    assert conflicts(service) == [
        "UU one.txt",
        "one.txt: <<<<<<< before updating",
        "one.txt: >>>>>>> after updating",
    ]
