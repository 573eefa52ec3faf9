"""Plain `copier update`, from every commit that has a copier.yml: any may have made a service."""

from collections.abc import Callable
from pathlib import Path

import copier
import pytest

from tests.support import edits, history, services
from tests.support.trees import all_files, conflicts, differences, files_of, seeds, without_seeds

ANSWERS_FILE = ".copier-answers.yml"
# Shared before 0.5.0: plain copier leaves the old one, which still migrates, as it is.
NEW_SEED = "migrations/hooks.py"

Make = Callable[..., Path]


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
    """All versions with --full, else a sample."""
    if "version" in metafunc.fixturenames:
        every = versions(services.ROOT)
        chosen = every if metafunc.config.getoption("--full") else sample(every)
        metafunc.parametrize("version", chosen, ids=lambda commit: commit[:10])


def update(service: Path) -> None:
    """What `copier update --defaults` does in a service whose work is committed."""
    copier.run_update(service, defaults=True, overwrite=True, quiet=True)


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


@pytest.mark.slow
def test_an_untouched_service_becomes_what_a_fresh_render_is(
    make_service: Make, rendered: Make, version: str
) -> None:
    service = make_service(version, {})
    before, recorded = files_of(service), history.answers_in(service / ANSWERS_FILE)

    update(service)

    expected = rendered(history.CANDIDATE, recorded)
    after = files_of(service)
    assert conflicts(service) == []
    changed = differences(without_seeds(after), without_seeds(all_files(expected)))
    assert changed.keys() <= {NEW_SEED} & before.keys()
    assert differences(seeds(after), seeds(before)) == {}


@pytest.mark.slow
def test_rendering_anew_keeps_edits_in_the_example(make_service: Make) -> None:
    service = make_service(history.CANDIDATE, {})
    edits.edit_the_example(service)
    services.commit(service, "Count items")
    before = files_of(service)

    copier.run_recopy(service, defaults=True, overwrite=True, quiet=True)

    assert differences(files_of(service), before) == {}


@pytest.mark.slow
def test_conflicts_are_seen(tmp_path: Path) -> None:
    template, service = tmp_path / "template", tmp_path / "service"
    template.mkdir()
    (template / "copier.yml").write_text("name: {type: str, default: lamps}\n")
    (template / "{{ _copier_conf.answers_file }}.jinja").write_text("{{ _copier_answers|to_yaml }}")
    (template / "one.txt").write_text("one\n")
    services.commit(template, "One")
    copier.run_copy(str(template), service, defaults=True, quiet=True)
    (service / "one.txt").write_text("mine\n")
    services.commit(service, "Mine")
    (template / "one.txt").write_text("two\n")
    services.commit(template, "Two")

    update(service)

    assert conflicts(service) == [
        "UU one.txt",
        "one.txt: <<<<<<< before updating",
        "one.txt: >>>>>>> after updating",
    ]
