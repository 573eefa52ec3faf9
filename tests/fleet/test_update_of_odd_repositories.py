"""`fleet update` in repositories of any kind, by a git of any kind, and by many runs at once."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.fleet.attacks import executable
from tests.fleet.conftest import Fleet, outcomes
from tests.fleet.toys import BRANCH, THEIRS, Toy, edit, result, show
from tests.support import services

pytestmark = pytest.mark.slow


def test_an_old_git_is_told_in_a_sentence(
    fleet: Fleet, lamps: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    executable(tmp_path / "bin/git", "echo git version 2.34.1")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)

    run = fleet(lamps, "service", "drift")

    assert (run.code, run.errors) == (
        1,
        "fleet: git 2.34 is too old: fleet takes git 2.38 or newer.\n",
    )


@pytest.mark.parametrize("scope", ["the service", "the person"])
def test_a_commit_is_signed_where_the_person_signs_or_refused(
    fleet: Fleet,
    toy: Toy,
    lamps: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    scope: str,
) -> None:
    if not shutil.which("ssh-keygen"):
        pytest.skip("there is no ssh-keygen")
    key = tmp_path / "key"
    make = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)]
    subprocess.run(make, check=True)
    own = tmp_path / "gitconfig"
    for name, value in {
        "user.name": "Ada",
        "user.email": "ada@example.org",
        "gpg.format": "ssh",
        "user.signingKey": str(key),
        "commit.gpgSign": "true",
    }.items():
        place = ["--file", str(own)] if scope == "the person" else ["--local"]
        services.git(lamps, "config", *place, name, value)
    if scope == "the person":
        monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(own))
    toy.release("v1.1.0", dict(THEIRS))

    run = fleet(tmp_path, "update", "lamps", "--json")
    signed = services.git(lamps, "cat-file", "commit", BRANCH)
    services.git(lamps, "branch", "--quiet", "--delete", "--force", BRANCH)
    key.unlink()
    lost = fleet(tmp_path, "update", "lamps", "--json")

    assert outcomes(run) == {"lamps": "updated"}
    assert "gpgsig -----BEGIN SSH SIGNATURE-----" in signed
    assert "author Ada <ada@example.org>" in signed
    assert outcomes(lost) == {"lamps": "refused"}


def test_two_runs_at_once_do_not_disturb_each_other(shop: Path) -> None:
    command = [shutil.which("fleet") or "fleet", "update", "edited", "plain", "recent", "--json"]
    runs = [
        subprocess.Popen(command, cwd=shop, env=os.environ, stdout=subprocess.PIPE)
        for _ in range(3)
    ]

    said = [json.loads(run.communicate()[0])["services"] for run in runs]

    assert [[one["outcome"] for one in services_of] for services_of in said] == (
        [["conflicts", "updated", "up to date"]] * 3
    )


@pytest.mark.parametrize("kind", ["shallow", "without blobs", "a linked working tree", "sha256"])
def test_clones_of_any_kind_are_updated(
    fleet: Fleet, toy: Toy, lamps: Path, tmp_path: Path, kind: str
) -> None:
    edit(lamps, "owned.txt", "line 9", "mine")
    services.git(lamps, "config", "uploadpack.allowFilter", "true")
    address, place = f"file://{lamps}", tmp_path / "copy"
    if kind == "shallow":
        services.git(tmp_path, "clone", "--quiet", "--depth=1", address, "copy")
    elif kind == "without blobs":
        services.git(
            tmp_path, "clone", "--quiet", "--filter=blob:none", "--no-checkout", address, "copy"
        )
    elif kind == "a linked working tree":
        services.git(lamps, "worktree", "add", "--quiet", "-b", "other", str(place))
    else:
        shutil.copytree(lamps, place, ignore=shutil.ignore_patterns(".git"))
        services.git(place, "init", "--quiet", "--object-format=sha256")
        services.commit(place, "Start")
    toy.release("v1.1.0", dict(THEIRS))

    run = fleet(tmp_path, "update", "copy", "--json")

    assert result(run.output)["outcome"] == "updated"
    assert b"theirs\n" in show(place, "shared.txt")
