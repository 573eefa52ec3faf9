"""The first commands on a Debian whose Python refuses `pip install`, and has no venv."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.support import services
from tests.support.markdown import blocks, section
from tests.support.services import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.system]

DEBIAN = ROOT / "build" / "debian-root"  # of packages that `make test-system` unpacks
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
FIRST, WITHOUT_VENV, _ = blocks(
    section((ROOT / "README.md").read_text(), "Start a service"), "bash"
)
VARIABLES = {
    "PATH": "/usr/bin:/bin",
    "HOME": "/root",
    "SSL_CERT_FILE": CERTIFICATES,
    "PIP_CERT": CERTIFICATES,
    "PIP_ROOT_USER_ACTION": "ignore",
}


@pytest.fixture
def folder() -> Iterator[Path]:
    """An empty folder in that Debian, which gets its names and certificates from this machine."""
    for path in ("/etc/resolv.conf", CERTIFICATES):
        (DEBIAN / path[1:]).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, DEBIAN / path[1:])
    for name in ("dev", "proc"):
        (DEBIAN / name).mkdir(exist_ok=True)
    folder = DEBIAN / "tmp" / uuid4().hex
    folder.mkdir(parents=True)
    yield folder
    shutil.rmtree(folder)


def type_in(folder: Path, commands: str) -> "subprocess.CompletedProcess[str]":
    """In a mount namespace of its own, which lends that Debian this machine's devices."""
    place = f"/{folder.relative_to(DEBIAN)}"
    lent = " && ".join(f"mount --rbind /{name} {DEBIAN}/{name}" for name in ("dev", "proc"))
    inside = ["chroot", str(DEBIAN), "bash", "-euc", f"cd {place}\n{commands}"]
    return subprocess.run(
        ["unshare", "--mount", "bash", "-euc", f'{lent} && exec "$@"', "bash", *inside],
        env=VARIABLES | {"PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def test_this_python_refuses_pip_install_and_has_no_venv(folder: Path) -> None:
    pip = type_in(folder, "/usr/bin/python3 -m pip install uv")
    venv = type_in(folder, "/usr/bin/python3 -m venv .uv")

    assert "error: externally-managed-environment" in pip.stderr
    assert "ensurepip is not\navailable" in venv.stdout


def test_a_service_is_copied_as_the_readme_says(folder: Path) -> None:
    services.snapshot(folder / "template")
    install, copy = FIRST.splitlines()
    copy = copy.replace("copier copy", "copier copy --defaults --vcs-ref HEAD")

    refused = type_in(folder, install)
    copied = type_in(folder, WITHOUT_VENV + copy.replace("<this repository>", "template"))

    assert refused.returncode != 0
    assert copied.returncode == 0, copied.stdout + copied.stderr
    assert (folder / "my-service" / "Makefile").is_file()


@pytest.mark.parametrize("makefile", ["of this repository", "of a service"])
def test_make_gets_uv_by_itself(folder: Path, render: Callable[..., Path], makefile: str) -> None:
    shutil.copy((ROOT if makefile == "of this repository" else render()) / "Makefile", folder)

    made = type_in(folder, "make .uv/bin/uv && .uv/bin/uv --version")

    assert made.returncode == 0, made.stdout + made.stderr
    assert made.stdout.startswith("uv ")
