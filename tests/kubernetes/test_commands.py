"""The commands of docs/operations.md that need no cluster are executed as they stand there."""

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.kubernetes.manifests import KUBECTL
from tests.support.services import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.system]

PAGE = (ROOT / "template/docs/operations.md").read_text()
BLOCKS = re.findall(r"^```bash\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
COMMANDS = [
    line for block in BLOCKS for line in block.replace("\\\n", " ").splitlines() if line.strip()
]
CREATING = [command for command in COMMANDS if command.startswith("kubectl create ")]


def executed(command: str, folder: Path) -> str:
    variables = {"PATH": f"{KUBECTL.parent}:{os.environ['PATH']}", "KUBECONFIG": "/dev/null"}
    return subprocess.run(
        ["bash", "-ec", command],
        cwd=folder,
        env=variables,
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_the_commands_that_create_something_make_what_the_page_says(tmp_path: Path) -> None:
    made: list[dict[str, Any]] = [
        yaml.safe_load(executed(f"{command} --dry-run=client --output=yaml", tmp_path))
        for command in CREATING
    ]

    secrets = {one["metadata"]["name"]: one for one in made if one["kind"] == "Secret"}
    namespaces = [one["metadata"]["name"] for one in made if one["kind"] == "Namespace"]
    assert namespaces == ["my-service", "my-service-local"]
    assert {name: set(one["data"]) for name, one in secrets.items()} == {
        "database-service": {"username", "password"},
        "backups": {"ACCESS_KEY_ID", "SECRET_ACCESS_KEY"},
        "database": {"POSTGRES_URL", "POSTGRES_REPLICA_URL", "POSTGRES_MIGRATION_URL"},
    }
    assert {one["metadata"]["namespace"] for one in secrets.values()} == {"my-service"}
    assert secrets["database-service"]["type"] == "kubernetes.io/basic-auth"


def test_what_would_be_applied_is_printed(render: Callable[..., Path]) -> None:
    [command] = re.findall(r"`(kubectl kustomize [^`]+)` prints what would be applied", PAGE)

    printed = list(yaml.safe_load_all(executed(command, render(kubernetes=True))))

    assert {"Deployment", "Job", "Cluster"} <= {one["kind"] for one in printed}


def test_every_folder_of_a_command_of_kubectl_is_there(render: Callable[..., Path]) -> None:
    service = render(kubernetes=True)
    folders = re.findall(r"kubectl (?:kustomize|apply --kustomize) ([\w/-]+)", PAGE)

    assert [folder for folder in folders if not (service / folder).is_dir()] == []
    assert set(folders) == {"deploy/overlays/production", "deploy/overlays/local"}
