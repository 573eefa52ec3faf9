"""What a repository, or the place that it lies in, configures for git: none of it runs."""

import json
import os
from pathlib import Path

import pytest

from tests.fleet.attacks import executable, touching, with_an_embedded_repository
from tests.fleet.conftest import Fleet, outcomes
from tests.fleet.toys import LINES, THEIRS, Toy, edit
from tests.support import services

pytestmark = pytest.mark.slow


@pytest.fixture
def ran(tmp_path: Path) -> Path:
    return tmp_path / "ran"


@pytest.fixture
def newer(toy: Toy) -> Toy:
    toy.release("v1.1.0", {"template/shared.txt": LINES.replace("line 5", "theirs")})
    return toy


@pytest.mark.parametrize("command", ["status", "update"])
def test_a_bare_repository_inside_of_a_repository_is_refused(
    fleet: Fleet, newer: Toy, lamps: Path, tmp_path: Path, ran: Path, command: str
) -> None:
    monitor = f'\tfsmonitor = "{touching(ran)}; false"\n'
    with_an_embedded_repository(tmp_path / "mono", lamps, monitor)
    services.git(tmp_path, "clone", "--quiet", "mono", "clone")

    run = fleet(tmp_path, command, "clone/svc", "lamps", "--json")

    assert not ran.exists()
    assert run.code == 1
    assert "clone/svc" in run.output
    assert "bare repository" in run.output
    assert '"v1.0.0"' in run.output


def test_a_program_that_shows_signatures_is_not_run(
    fleet: Fleet, newer: Toy, lamps: Path, tmp_path: Path, ran: Path
) -> None:
    key = executable(tmp_path / "gpg.sh", touching(ran))
    services.git(lamps, "config", "log.showSignature", "true")
    services.git(lamps, "config", "gpg.program", str(key))
    commit = services.git(lamps, "cat-file", "commit", "HEAD")
    header, _, message = commit.partition("\n\n")
    signed = tmp_path / "signed"
    signed.write_text(f"{header}\ngpgsig -----BEGIN PGP SIGNATURE-----\n \n x\n\n{message}")
    made = services.git(lamps, "hash-object", "-w", "-t", "commit", "--literally", str(signed))
    services.git(lamps, "reset", "--quiet", "--hard", made.strip())

    fleet(tmp_path, "status", "lamps")

    assert not ran.exists()


def test_the_hooks_of_a_checkout_do_not_run_whatever_the_person_has_configured(
    fleet: Fleet,
    newer: Toy,
    lamps: Path,
    tmp_path: Path,
    ran: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Many people keep the hooks of a repository in it, by a setting for all of them."""
    for hook in ("post-checkout", "post-index-change", "prepare-commit-msg", "post-commit"):
        executable(lamps / ".githooks" / hook, touching(ran))
    services.commit(lamps, "Add hooks")
    own = tmp_path / "gitconfig"
    own.write_text("[core]\n\thooksPath = .githooks\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(own))

    fleet(tmp_path, "status", "lamps", "--conflicts")
    run = fleet(tmp_path, "update", "lamps", "--json")

    assert outcomes(run) == {"lamps": "updated"}
    assert not ran.exists()


def test_the_hooks_of_a_repository_do_not_run(
    fleet: Fleet, newer: Toy, lamps: Path, tmp_path: Path, ran: Path
) -> None:
    executable(lamps / ".git/hooks/reference-transaction", touching(ran))

    run = fleet(tmp_path, "update", "lamps", "--json")

    assert outcomes(run) == {"lamps": "updated"}
    assert not ran.exists()


@pytest.mark.parametrize(
    "setting",
    ["core.fsmonitor"],
)
def test_programs_that_a_repository_configures_do_not_run(
    fleet: Fleet, newer: Toy, lamps: Path, tmp_path: Path, ran: Path, setting: str
) -> None:
    (lamps / ".gitattributes").write_text("* filter=mine\n")
    services.commit(lamps, "Filter all")
    services.git(lamps, "config", setting, f"{touching(ran)}; cat")
    os.utime(lamps / "shared.txt")  # so that git reads it again

    fleet(tmp_path, "status", "lamps", "--conflicts")
    run = fleet(tmp_path, "update", "lamps", "--json")

    assert not ran.exists()
    assert outcomes(run) == {"lamps": "updated"}


def test_a_driver_of_merges_that_a_repository_configures_does_not_run(
    fleet: Fleet, newer: Toy, lamps: Path, tmp_path: Path, ran: Path
) -> None:
    (lamps / ".gitattributes").write_text("* merge=mine\n")
    (lamps / "shared.txt").write_text(LINES.replace("line 2", "mine"))
    services.commit(lamps, "Merge all")
    services.git(lamps, "config", "merge.mine.driver", touching(ran))

    fleet(tmp_path, "status", "lamps", "--conflicts")
    run = fleet(tmp_path, "update", "lamps", "--json")

    assert not ran.exists()
    assert outcomes(run) == {"lamps": "updated"}


def test_a_repository_that_a_hook_of_git_names_is_not_taken_for_the_service(
    fleet: Fleet,
    shop: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GIT_DIR", str(shop / "recent/.git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(shop / "recent/.git/index"))
    monkeypatch.setenv("GIT_WORK_TREE", str(shop / "recent"))

    run = fleet(shop, "update", "plain", "recent", "--json")

    assert outcomes(run) == {"plain": "updated", "recent": "up to date"}


def test_an_address_that_is_a_command_is_never_run(
    fleet: Fleet, lamps: Path, tmp_path: Path, ran: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_ALLOW_PROTOCOL", "ext:file")
    answers = lamps / ".copier-answers.yml"
    answers.write_text(f'_src_path: "ext::touch {ran}"\n_commit: v1.0.0\n')
    services.commit(lamps, "Attack")

    run = fleet(tmp_path, "status", "lamps", "--json")

    assert not ran.exists()
    assert json.loads(run.output)["services"][0]["error"]


def test_a_remote_that_is_a_command_is_not_asked_for_what_a_partial_clone_lacks(
    fleet: Fleet, toy: Toy, lamps: Path, tmp_path: Path, ran: Path
) -> None:
    edit(lamps, "shared.txt", "line 9", "mine")
    name = services.git(lamps, "rev-parse", "HEAD:shared.txt").strip()
    toy.release("v1.1.0", dict(THEIRS))
    (lamps / ".git/objects" / name[:2] / name[2:]).unlink()
    (lamps / ".git/objects/pack/pack-0.promisor").touch()
    for key, value in {
        "core.repositoryFormatVersion": "1",
        "extensions.partialClone": "origin",
        "remote.origin.promisor": "true",
        "remote.origin.url": f"ext::touch {ran}",
    }.items():
        services.git(lamps, "config", key, value)

    run = fleet(tmp_path, "update", "lamps", "--json")

    assert not ran.exists()
    assert outcomes(run) == {"lamps": "refused"}
