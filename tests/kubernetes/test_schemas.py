"""Each overlay builds for all answers, and each document is what an API server would take."""

import json
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest

from tests.kubernetes.conftest import ANSWERS, OVERLAYS, Built
from tests.kubernetes.manifests import Document, Manifests
from tests.support.commands import said
from tests.support.services import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.system]

VERSIONS = ["1.34", "1.35", "1.36", "1.37"]
MODELS = ROOT / "build/kubernetes/node_modules"
CNPG = "@kubernetes-models/cloudnative-pg/postgresql.cnpg.io/v1"
PROMETHEUS = "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1"
OPERATORS = {
    "Cluster": CNPG,
    "Pooler": CNPG,
    "ScheduledBackup": CNPG,
    "HTTPRoute": "@kubernetes-models/gateway-api/gateway.networking.k8s.io/v1",
    "PodMonitor": PROMETHEUS,
    "ServiceMonitor": PROMETHEUS,
}
# Its definition is in no package, but that of its one large part is.
BARMAN = "@kubernetes-models/cloudnative-pg/github.com/cloudnative-pg/barman-cloud/pkg/api"
COMPILER = (
    *("--noEmit", "--allowJs", "--checkJs", "--strict", "--skipLibCheck"),
    *("--target", "es2022", "--module", "nodenext", "--moduleResolution", "nodenext"),
)


@pytest.fixture(scope="module")
def documents(built: Built) -> list[Document]:
    """Each document that any overlay has, once."""
    overlays = [built(overlay, **answers) for overlay in OVERLAYS for answers in ANSWERS]
    overlays.append(built("production", "existing-database", jobs=True))
    overlays.append(built("production", "gateway", "postgres-metrics"))
    unique = {json.dumps(one, sort_keys=True) for overlay in overlays for one in overlay.documents}
    return [json.loads(text) for text in sorted(unique)]


@pytest.fixture(autouse=True)
def schemas_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    read = cache(kubernetes_validate.utils.schema_contents)
    monkeypatch.setattr(kubernetes_validate.utils, "schema_contents", read)


@pytest.mark.parametrize("version", VERSIONS)
def test_each_document_fits_the_schema_of_kubernetes(
    documents: list[Document], version: str
) -> None:
    own = [one for one in documents if one["kind"] not in {*OPERATORS, "ObjectStore"}]

    for document in own:
        kubernetes_validate.validate(document, version, strict=True)

    assert {one["kind"] for one in own} == {
        *("ConfigMap", "Deployment", "HorizontalPodAutoscaler", "Job", "NetworkPolicy"),
        *("PodDisruptionBudget", "Secret", "Service", "ServiceAccount"),
    }


def test_the_schemas_of_kubernetes_refuse_what_does_not_exist(built: Built) -> None:
    web: Any = json.loads(json.dumps(built("production").one("Deployment", "web")))
    web["spec"]["template"]["spec"]["containers"][0]["readynessProbe"] = {}

    with pytest.raises(kubernetes_validate.ValidationError, match="readynessProbe"):
        kubernetes_validate.validate(web, "1.35", strict=True)


def program(documents: list[Document]) -> str:
    """Makes a model of each resource: the compiler checks its fields, `validate` its values."""
    lines = [f'import {{ {kind} }} from "{module}/{kind}";' for kind, module in OPERATORS.items()]
    name = "BarmanObjectStoreConfiguration"
    lines.append(f'import {{ {name} }} from "{BARMAN}/{name}";')
    for one in documents:
        kind = one["kind"]
        value = {key: one[key] for key in set(one) - {"apiVersion", "kind"}}  # the model's own
        if kind == "ObjectStore":
            kind, value = name, one["spec"]["configuration"]
        lines.append(f"new {kind}({json.dumps(value, indent=1)}).validate();")
    return "\n".join(lines)


def checked(folder: Path, documents: list[Document]) -> tuple[int, str]:
    """What the compiler says, and then the models."""
    folder.mkdir(exist_ok=True)
    if not (folder / "node_modules").exists():
        (folder / "node_modules").symlink_to(MODELS)
    (folder / "resources.mjs").write_text(program(documents))
    compiled = said(MODELS / ".bin/tsc", *COMPILER, "resources.mjs", cwd=folder)
    return compiled if compiled[0] else said("node", "resources.mjs", cwd=folder)


def test_each_resource_of_an_operator_fits_its_definition(
    documents: list[Document], tmp_path: Path
) -> None:
    theirs = [one for one in documents if one["kind"] in {*OPERATORS, "ObjectStore"}]
    stores = [one for one in theirs if one["kind"] == "ObjectStore"]

    assert checked(tmp_path, theirs) == (0, "")
    assert {(one["kind"], one["apiVersion"]) for one in theirs} == {
        ("ObjectStore", "barmancloud.cnpg.io/v1"),
        *((kind, "/".join(module.split("/")[-2:])) for kind, module in OPERATORS.items()),
    }
    assert {frozenset(one["spec"]) for one in stores} == {
        frozenset({"configuration", "retentionPolicy"})
    }


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"instanses": 2}, "'\"instanses\"' does not exist in type"),
        ({"type": "wr"}, "Type '\"wr\"' is not assignable to type"),
    ],
)
def test_the_definitions_of_operators_refuse_what_does_not_exist(
    built: Built, tmp_path: Path, change: Document, told: str
) -> None:
    pooler = built("production").one("Pooler", "pooler-rw")

    code, output = checked(tmp_path, [pooler | {"spec": pooler["spec"] | change}])

    assert (code, told in output) == (2, True), output


def test_kubectl_is_one_that_this_was_written_for() -> None:
    kubectl = ROOT / "build/kubernetes/kubectl/kubectl"
    version = subprocess.run(
        [kubectl, "version", "--client", "--output=json"],
        capture_output=True,
        check=True,
    )

    assert json.loads(version.stdout)["clientVersion"]["minor"] == "37"


def test_an_overlay_has_what_its_answers_bring(manifests: Manifests) -> None:
    settings, names = manifests.settings, manifests.names("Deployment")

    assert ("worker" in names) == ("JOBS_HEALTH_PORT" in str(manifests.pods))
    assert ("OTEL_METRICS_EXPORTER" in settings) == ("metrics" in manifests.names("Service"))
    assert ("OIDC_ISSUER" in settings) == ("issuer" in manifests.names("NetworkPolicy"))
    assert {"web"} <= names <= {"web", "worker", "postgres"}
