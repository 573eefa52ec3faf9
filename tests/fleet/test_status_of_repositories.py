"""`fleet status`: what commits, remotes and branches tell of a service."""

from datetime import date
from pathlib import Path

import pytest

from fleet.service import ANSWERS_FILE
from tests.fleet.toys import Toy, edit, status_of
from tests.support import services


def test_the_last_update_is_the_commit_that_changed_the_version(
    toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = toy.service(tmp_path / "service")
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2026-01-31T12:00:00Z")
    services.commit(service, "Start")
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2026-02-28T12:00:00Z")
    edit(service, ANSWERS_FILE, "port: 8000", "port: 8001")
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2026-03-31T12:00:00Z")
    edit(service, "shared.txt", "line 5", "mine")

    told = status_of(service)

    assert (told.version_since, told.updated, told.committed) == (
        date(2026, 1, 31),
        date(2026, 2, 28),
        date(2026, 3, 31),
    )


def test_a_service_in_a_folder_has_the_commits_of_its_folder(
    toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = toy.service(tmp_path / "mono/lamps")
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2026-01-31T12:00:00Z")
    services.commit(tmp_path / "mono", "Start")
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2026-02-28T12:00:00Z")
    (tmp_path / "mono/other.txt").touch()
    services.commit(tmp_path / "mono", "Add another")

    assert status_of(service).committed == date(2026, 1, 31)


def test_the_page_of_the_repository_is_that_of_origin_or_of_the_only_remote(lamps: Path) -> None:
    services.git(lamps, "remote", "add", "fork", "git@example.org:ada/lamps.git")
    only = status_of(lamps).repository
    services.git(lamps, "remote", "add", "origin", "https://x:y@example.org/acme/lamps.git")

    assert only == "https://example.org/ada/lamps"
    assert status_of(lamps).repository == "https://example.org/acme/lamps"


def test_branches_are_open_until_the_service_has_their_version(toy: Toy, lamps: Path) -> None:
    remote, merged = "refs/remotes/origin/template-update", "template-update/v1.0.0"
    for version in ("v1.1.0", "v1.2.0"):
        toy.release(version, {"template/next.txt": version})
    head = services.git(lamps, "rev-parse", "HEAD").strip()
    other = services.git(lamps, "commit-tree", "-m", "Update", "-p", head, f"{head}^{{tree}}")
    services.git(lamps, "update-ref", f"refs/heads/{merged}", other.strip())
    services.git(lamps, "update-ref", "refs/heads/template-update/v1.1.0", head)
    for version in ("v1.2.0", "v7"):
        services.git(lamps, "update-ref", f"{remote}/{version}", other.strip())

    assert status_of(lamps).branches == ["template-update/v1.2.0", "template-update/v7"]
