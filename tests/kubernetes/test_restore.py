"""A table is lost and comes back: the lines of the page of operations are run."""

import os
import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.postgres import FaultyPostgres, faulty_postgres
from tests.kubernetes import test_references
from tests.kubernetes.manifests import build
from tests.kubernetes.test_schemas import OPERATORS, checked
from tests.support.figures import figure
from tests.support.services import ROOT, Environment
from tests.support.serving import (
    Served,
    clean_environment,
    free_port,
    serving,
    sql,
    until,
)

pytestmark = [pytest.mark.slow, pytest.mark.system]

PAGE = (ROOT / "template/docs/operations.md").read_text()
RESTORE = PAGE.split("\n## Restore\n")[1].split("\n## ")[0]
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", RESTORE, re.MULTILINE | re.DOTALL)
[RENAME] = [text for kind, text in BLOCKS if kind == "bash" and "sed -i" in text]
[PATCH] = [text for kind, text in BLOCKS if kind == "yaml"]
[LINES] = [text for kind, text in BLOCKS if "recovery.signal" in text]


@pytest.fixture
def archiving() -> Iterator[FaultyPostgres]:
    """A server that archives its log, as CloudNativePG's does."""
    with faulty_postgres() as server:
        server.stop()
        archive = server.folder / "archive"
        archive.mkdir()
        server.account.give(archive, server.as_whom)
        command = f"cp %p {archive}/%f"
        server.start(archive_mode="on", archive_command=command, wal_level="replica")
        yield server


@contextmanager
def writing(served: Served, clients: int = 3) -> Iterator[list[str]]:
    """The names of the items that were acknowledged."""
    acknowledged: list[str] = []
    ended = threading.Event()

    def write(client: int) -> None:
        number = 0
        while not ended.is_set():
            name = f"{client}-{number}"
            if served.request("POST", "/items", json={"name": name}).status_code == 201:
                acknowledged.append(name)
            number += 1

    threads = [threading.Thread(target=write, args=(client,)) for client in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield acknowledged
    finally:
        ended.set()
        for thread in threads:
            thread.join()


@contextmanager
def service_on(url: str, folder: Path, environment: Environment, logs: Path) -> Iterator[Served]:
    port = free_port()
    variables = clean_environment(POSTGRES_URL=url, ENVIRONMENT="production")
    python = str(environment.folder / "bin/python")
    command = [python, "-m", "uvicorn", "app.main:app", f"--port={port}"]
    with serving(command, folder, variables, port, logs) as served:
        served.wait_until_it_answers("/health/ready")
        yield served


def run_the_lines(server: FaultyPostgres, before: str, port: int) -> Path:
    """Those of the page, as the account of the server. Returns the new server's folder."""
    restored = server.folder / "restored"
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={server.folder}"
    variables = {
        "BACKUP": str(server.folder / "backup"),
        "ARCHIVE": str(server.folder / "archive"),
        "RESTORED": str(restored),
        "BEFORE": before,
        "OPTIONS": f"{options} -c fsync=off -c dynamic_shared_memory_type=mmap",
        "PATH": f"{server.programs}:{os.environ['PATH']}",
    }
    arguments = server.account.as_account(server.as_whom, Path("/bin/bash"), "-ec", LINES)
    arguments["env"] = (arguments.get("env") or dict(os.environ)) | variables
    subprocess.run(**arguments, check=True, stdout=subprocess.DEVNULL)
    return restored


def test_a_lost_table_is_back_with_every_row_that_was_acknowledged(
    archiving: FaultyPostgres, render: Callable[..., Path], environment: Environment, tmp_path: Path
) -> None:
    service, url = render(), archiving.url("app")
    sql(archiving.url(), "CREATE DATABASE app")
    alembic = str(environment.folder / "bin/alembic")
    environment.run(
        service, "env", f"POSTGRES_URL={url}", "ENVIRONMENT=production", alembic, "upgrade", "head"
    )
    backup = ("pg_basebackup", "--dbname", archiving.url(), "--checkpoint=fast", "--no-sync")
    subprocess.run(**archiving.command(*backup, "-D", archiving.folder / "backup"), check=True)

    with service_on(url, service, environment, tmp_path) as served, writing(served) as rows:
        until(lambda: len(rows) >= 100, "rows are acknowledged")
        acknowledged = set(rows)
        [(before,)] = sql(url, "SELECT clock_timestamp()::text")
        until(lambda: len(rows) >= 150, "more are written")
        sql(url, "DROP TABLE item CASCADE")  # the mistake
    [(segment,)] = sql(url, "SELECT pg_walfile_name(pg_switch_wal())")
    archived = archiving.folder / "archive" / segment
    until(archived.exists, "the log is archived")
    archiving.stop()

    port = free_port()
    restored = run_the_lines(archiving, before, port)
    try:
        new_url = f"postgresql://postgres@127.0.0.1:{port}/app"
        until(lambda: sql(new_url, "SELECT pg_is_in_recovery()") == [(False,)], "it is the primary")
        there = {name for (name,) in sql(new_url, "SELECT name FROM item")}
        with service_on(new_url, service, environment, tmp_path) as served:
            created = served.request("POST", "/items", json={"name": "after"})
    finally:
        stop = ("pg_ctl", "stop", "--mode=immediate", "--pgdata", restored)
        subprocess.run(**archiving.command(*stop), check=True, stdout=subprocess.DEVNULL)

    assert acknowledged - there == set()
    assert len(there) < len(set(rows))
    assert created.status_code == 201
    figure("restored to before a mistake", acknowledged=len(acknowledged), missing=0)


def test_the_manifests_of_a_restore_name_what_exists(
    render: Callable[..., Path], tmp_path: Path
) -> None:
    root = tmp_path / "service"
    shutil.copytree(render(kubernetes=True, jobs=True) / "deploy", root / "deploy")
    overlay = root / "deploy/overlays/production"
    (overlay / "restore.yaml").write_text(PATCH)
    subprocess.run(["bash", "-ec", RENAME], cwd=root, check=True)
    kustomization = overlay / "kustomization.yaml"
    [added] = re.findall(r"`(\{ target.*?\})` to its", RESTORE)
    kustomization.write_text(f"{kustomization.read_text()}  - {added}\n")

    manifests = build(overlay)

    test_references.test_every_resource_that_is_named_exists(manifests)
    test_references.test_every_selector_takes_a_pod(manifests)
    test_references.test_every_volume_is_mounted_and_every_mount_has_a_volume(manifests)
    test_references.test_every_secret_is_made_by_the_operator_or_by_a_command_of_the_page(manifests)
    assert manifests.names("Cluster") == {"database-2"}
    [cluster] = manifests.of("Cluster")
    assert set(cluster["spec"]["bootstrap"]) == {"recovery"}
    hosts = {
        host
        for name in manifests.own_pods
        for host in re.findall(r"@([\w-]+)/", str(manifests.environment(name)))
    }
    assert hosts == {"pooler-rw", "pooler-ro", "database-2-rw"}
    theirs = [one for one in manifests.documents if one["kind"] in OPERATORS]
    assert checked(tmp_path / "checked", theirs) == (0, "")
