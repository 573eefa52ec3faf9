"""`fleet policy` demands files that are there, as rendered, or with YAML that holds something."""

import json
from pathlib import Path
from typing import Any

import pytest

from fleet.shapes import lack
from tests.fleet.conftest import Fleet
from tests.fleet.toys import edit
from tests.support import services

OVERLAY = "deploy/overlays/production/kustomization.yaml"
POLICY = f"""
same = ["/shared.txt"]

[answers]
port = 8000

[files."Makefile"]

[files."{OVERLAY}"]
namespace = "lamps"
components = ["../../components/cloudnative-pg"]
"""
AS_DEMANDED = """
kind: Kustomization
namespace: lamps
components:
  - ../../components/gateway
  - ../../components/cloudnative-pg
"""


@pytest.mark.parametrize(
    ("demanded", "lacking"),
    [
        ({}, ""),
        ({"kind": "Pooler", "spec": {"type": "rw"}}, ""),
        ({"ports": [{"port": 80}]}, ""),
        ({"ports": [{"port": 80}, {"port": 443}]}, 'ports: {"port": 443}'),
        ({"spec": {"type": "ro"}}, 'spec.type: "ro"'),
        ({"spec": {"instances": 1}}, "spec.instances: 1"),
        ({"spec": {"pools": {"size": 3}}}, 'spec.pools: {"size": 3}'),
        ({"kind": ["Pooler"]}, 'kind: ["Pooler"]'),
    ],
)
def test_what_a_document_lacks_is_told_by_its_place(demanded: dict[str, Any], lacking: str) -> None:
    document = {
        "kind": "Pooler",
        "spec": {"type": "rw", "instances": True},
        "ports": [{"port": 80, "name": "http"}],
    }

    assert lack(demanded, document) == lacking


@pytest.fixture
def policy(lamps: Path) -> str:
    (lamps.parent / "policy.toml").write_text(POLICY)
    return "policy.toml"


def write_overlay(lamps: Path, text: str) -> None:
    (lamps / OVERLAY).parent.mkdir(parents=True, exist_ok=True)
    (lamps / OVERLAY).write_text(text)
    services.commit(lamps, "Write the overlay")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("overlay", "fault"),
    [
        (AS_DEMANDED, None),
        (f"kind: Namespace\n---{AS_DEMANDED}", None),
        (None, "is missing"),
        ("namespace: lamps", 'lacks components: ["../../components/cloudnative-pg"]'),
        ("", 'lacks namespace: "lamps"'),
        ("a: [", "is not valid YAML (while parsing a flow node expected the node content, but"),
    ],
)
def test_an_overlay_has_the_shape_that_is_demanded(
    fleet: Fleet, lamps: Path, policy: str, overlay: str | None, fault: str | None
) -> None:
    if overlay is not None:
        write_overlay(lamps, overlay)

    run = fleet(lamps.parent, "policy", policy, "lamps")

    found = [line for line in run.output.splitlines() if "FLT" in line]
    assert run.code == (5 if fault else 0)
    assert [line.startswith(f"lamps: FLT010 {OVERLAY} of lamps {fault}") for line in found] == (
        [True] if fault else []
    )


@pytest.mark.slow
def test_a_shared_file_that_must_be_as_rendered_is_drift_which_a_waiver_covers(
    fleet: Fleet, lamps: Path, policy: str
) -> None:
    write_overlay(lamps, "namespace: lights")
    edit(lamps, "shared.txt", "line 5", "mine")
    waived = "".join(
        f'[[waiver]]\npath = "{path}"\nreason = "A reason."\nexpires = 2099-01-01\n'
        for path in ("/shared.txt", "/deploy/")
    )

    before = fleet(lamps.parent, "policy", policy, "lamps")
    unnamed = fleet(lamps.parent, "status", "lamps", "--json")
    (lamps / ".template-waivers.toml").write_text(waived)
    services.commit(lamps, "Waive")
    after = fleet(lamps.parent, "policy", policy, "lamps")

    assert before.output.splitlines()[:-1] == [
        "lamps: FLT005 shared.txt of lamps differs, and no waiver covers it.",
        f'lamps: FLT010 {OVERLAY} of lamps lacks namespace: "lamps", and no waiver covers it.',
    ]
    [told] = json.loads(unnamed.output)["services"]
    assert (told["drift"], told["unmet"]) == ([], {})
    assert (after.code, after.output) == (0, "Services: 1, findings: 0.\n")
