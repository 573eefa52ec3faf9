"""What `kubectl kustomize` builds of an overlay, and ways to look at it."""

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from tests.support.services import ROOT

KUBECTL = ROOT / "build/kubernetes/kubectl/kubectl"
Document = dict[str, Any]


class LikeKubernetes(yaml.SafeLoader):
    """A time is a string there."""


LikeKubernetes.yaml_implicit_resolvers = {
    start: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith("timestamp")]
    for start, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


@dataclass(frozen=True)
class Manifests:
    """The documents of one overlay."""

    documents: tuple[Document, ...]

    def of(self, *kinds: str) -> list[Document]:
        return [document for document in self.documents if document["kind"] in kinds]

    def one(self, kind: str, name: str) -> Document:
        [found] = [one for one in self.of(kind) if one["metadata"]["name"] == name]
        return found

    def names(self, kind: str) -> set[str]:
        return {document["metadata"]["name"] for document in self.of(kind)}

    @cached_property
    def pods(self) -> dict[str, Document]:
        """The templates of pods, by the name of what makes them."""
        return {
            one["metadata"]["name"]: one["spec"]["template"] for one in self.of("Deployment", "Job")
        }

    @cached_property
    def own_pods(self) -> dict[str, Document]:
        """Those that run the service's image."""
        return {
            name: pod
            for name, pod in self.pods.items()
            if any(container["name"] == "service" for container in pod["spec"]["containers"])
        }

    @cached_property
    def settings(self) -> dict[str, str]:
        """The data of the one ConfigMap."""
        [settings] = self.of("ConfigMap")
        data: dict[str, str] = settings["data"]
        return data

    def environment(self, pod: str) -> dict[str, str]:
        """What a pod's container gets. A value of a Secret is `<secret/key>`."""
        variables = dict(self.settings)
        for entry in self.pods[pod]["spec"]["containers"][0].get("env", []):
            if "value" in entry:
                value = re.sub(r"\$\((\w+)\)", lambda found: variables[found[1]], entry["value"])
            else:
                reference = entry["valueFrom"]["secretKeyRef"]
                value = f"<{reference['name']}/{reference['key']}>"
            variables[entry["name"]] = value
        return variables


def build(overlay: Path) -> Manifests:
    """What kubectl would apply. Fails with what it prints."""
    done = subprocess.run(
        [KUBECTL, "kustomize", overlay], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return Manifests(tuple(yaml.load_all(done.stdout, LikeKubernetes)))


def walk(value: object, path: str = "") -> Iterator[tuple[str, Any]]:
    """Each mapping and value in a document, with its path."""
    yield path, value
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from walk(inner, f"{path}/{key}")
    elif isinstance(value, list):
        for inner in value:
            yield from walk(inner, path)


def matches(selector: Document, labels: dict[str, str]) -> bool:
    """Whether a selector of Kubernetes takes these labels."""
    if "matchLabels" not in selector and "matchExpressions" not in selector:
        return selector.items() <= labels.items()
    wanted = selector.get("matchLabels", {}).items() <= labels.items()
    return wanted and all(
        {"In": labels.get(one["key"]) in one["values"]}[one["operator"]]
        for one in selector.get("matchExpressions", [])
    )
