"""`fleet policy`: each fault has one code, and what is not demanded is no fault."""

import json
import re
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from fleet.policy import REASONS, Finding, Policy, check
from fleet.sarif import SCHEMA, as_sarif
from fleet.status import Status
from fleet.waivers import Waiver
from tests.fleet.conftest import Fleet
from tests.fleet.toys import Toy, edit
from tests.support import services

TODAY = date(2026, 6, 30)
ANSWERS_FILE, WAIVERS_FILE = ".copier-answers.yml", ".template-waivers.toml"
LAMPS = Status(
    path="lamps",
    name="lamps",
    template="gh:acme/template",
    version="v1.2.0-3-g1234567",
    release="v1.2.0",
    newest="v1.10.0",
    behind=1,
    answers={"ci": "github", "container": True},
)


def waiver(path: str, days: int = 10) -> Waiver:
    return Waiver(path=path, reason="A reason.", expires=TODAY + timedelta(days))


def faults(status: Status, **demands: Any) -> list[tuple[str, str]]:
    """Code and file of each finding."""
    found = check(status, Policy.model_validate(demands), TODAY)
    return [(finding.code, finding.file) for finding in found]


def test_a_service_that_complies_has_no_findings() -> None:
    status = replace(LAMPS, drift=["Makefile"], waivers=[waiver("/Makefile", 0)])

    found = faults(
        status,
        minimum_version="v1.2.0",
        template="https://github.com/acme/template.git",
        answers={"ci": ["gitlab", "github"], "container": True},
        waivers={"allowed": ["/Make*"], "longest_days": 0},
    )

    assert found == []


def test_a_service_that_cannot_be_read_is_told_in_its_own_words() -> None:
    status = Status(path="shop", name="shop", error="There is no folder shop.")

    assert check(status, Policy(), TODAY) == [
        Finding("FLT001", "shop", "", "There is no folder shop.")
    ]


def test_another_template_is_a_finding() -> None:
    policy = Policy.model_validate({"template": ["gh:acme/other", "gh:acme/third"]})

    assert check(LAMPS, policy, TODAY) == [
        Finding(
            "FLT002",
            "lamps",
            ANSWERS_FILE,
            "lamps was made from gh:acme/template; allowed: gh:acme/other, gh:acme/third.",
        )
    ]


@pytest.mark.parametrize(
    ("release", "minimum", "found"),
    [
        ("v1.2.0", "1.2", []),
        ("v1.10.0", "v1.9.0", []),
        ("v1.2.0", "v1.10.0", [("FLT003", ANSWERS_FILE)]),
        (None, "v0.1.0", [("FLT003", ANSWERS_FILE)]),
    ],
)
def test_the_release_that_a_version_holds_is_compared_with_the_minimum(
    release: str | None, minimum: str, found: list[tuple[str, str]]
) -> None:
    status = replace(LAMPS, release=release)

    assert faults(status, minimum_version=minimum) == found


@pytest.mark.parametrize(
    ("demanded", "message"),
    [
        ({"ci": "gitlab"}, "lamps answers ci with 'github'; allowed: 'gitlab'."),
        ({"team": ["a", "b"]}, "lamps does not answer team; allowed: 'a', 'b'."),
        ({"container": 1}, "lamps answers container with True; allowed: 1."),
    ],
)
def test_answers_that_are_not_allowed_are_findings(demanded: dict[str, Any], message: str) -> None:
    [found] = check(LAMPS, Policy.model_validate({"answers": demanded}), TODAY)

    assert found == Finding("FLT004", "lamps", ANSWERS_FILE, message)


@pytest.mark.parametrize(
    ("waivers", "limits", "found"),
    [
        ([], {}, [("FLT005", "Makefile")]),
        ([waiver("/dev/")], {}, [("FLT005", "Makefile"), ("FLT009", WAIVERS_FILE)]),
        ([waiver("/Makefile", -1)], {}, [("FLT006", "Makefile")]),
        ([waiver("/Makefile", -1), waiver("/Make*")], {}, []),
        ([waiver("/*")], {"allowed": ["/dev/"]}, [("FLT007", WAIVERS_FILE)]),
        ([waiver("/*")], {"allowed": []}, [("FLT007", WAIVERS_FILE)]),
        ([waiver("/*", 31)], {"longest_days": 30}, [("FLT008", WAIVERS_FILE)]),
        ([waiver("/*", 30)], {"longest_days": 30}, []),
    ],
)
def test_drift_wants_a_waiver_that_is_allowed_and_has_not_expired(
    waivers: list[Waiver], limits: dict[str, Any], found: list[tuple[str, str]]
) -> None:
    status = replace(LAMPS, drift=["Makefile"], waivers=waivers)

    assert faults(status, waivers=limits) == found


def test_the_document_has_every_code_with_its_reason() -> None:
    text = (services.ROOT / "docs/fleet-reference.md").read_text()

    assert dict(re.findall(r"(?m)^\| `(FLT\d+)` \| (.+?) \|$", text)) == REASONS


def test_sarif_tells_rules_and_places() -> None:
    """No package of PyPI has the schema. What is compared with here was valid by that of the npm
    package @microsoft/jest-sarif, for `check-jsonschema --regex-variant python --schemafile ...`.
    """
    findings = [
        Finding("FLT005", "my lamps", "dev/run.py", "It differs."),
        Finding("FLT001", "/srv/shop", "", "It is gone."),
    ]

    [run] = json.loads(as_sarif(findings))["runs"]

    rules = [{"id": code, "shortDescription": {"text": text}} for code, text in REASONS.items()]
    assert run == {
        "tool": {"driver": {"name": "fleet", "rules": rules}},
        "results": [
            result("FLT005", 4, "It differs.", "my%20lamps/dev/run.py"),
            result("FLT001", 0, "It is gone.", "file:///srv/shop"),
        ],
    }


def result(code: str, index: int, message: str, uri: str) -> dict[str, Any]:
    place = {"artifactLocation": {"uri": uri}, "region": {"startLine": 1}}
    return {
        "ruleId": code,
        "ruleIndex": index,
        "level": "error",
        "message": {"text": message},
        "locations": [{"physicalLocation": place}],
    }


@pytest.mark.slow
def test_a_fleet_that_violates_a_policy_has_an_exit_code_of_its_own(
    fleet: Fleet, toy: Toy, lamps: Path
) -> None:
    toy.release("v1.1.0", {"template/next.txt": "next\n"})
    edit(lamps, "owned.txt", "line 5", "mine")
    policy = lamps.parent / "policy.toml"
    policy.write_text('minimum_version = "v1.1.0"\n')

    run = fleet(lamps.parent, "policy", "policy.toml", "lamps", "shop", "--sarif", "out.sarif")

    assert (run.code, run.output) == (
        5,
        "lamps: FLT003 lamps is at v1.0.0; the minimum is v1.1.0.\n"
        "lamps: FLT005 owned.txt of lamps differs, and no waiver covers it.\n"
        "shop: FLT001 There is no folder shop.\n"
        "Services: 2, findings: 3.\n",
    )
    written = json.loads((lamps.parent / "out.sarif").read_text())
    assert (written["version"], written["$schema"]) == ("2.1.0", SCHEMA)
    assert [result["ruleId"] for result in written["runs"][0]["results"]] == [
        "FLT003",
        "FLT005",
        "FLT001",
    ]


@pytest.mark.slow
def test_a_fleet_that_complies_is_success_and_json_tells_so(
    today: str, fleet: Fleet, lamps: Path
) -> None:
    (lamps.parent / "policy.toml").write_text("")

    run = fleet(lamps.parent, "policy", "policy.toml", "lamps", "--json")

    assert run.code == 0
    assert json.loads(run.output) == {
        "format": 2,
        "date": today,
        "services": [{"path": "lamps", "name": "lamps", "findings": []}],
    }


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (None, "policy.toml cannot be read: No such file or directory."),
        ("a = ", "policy.toml is not valid TOML: "),
        ("minimum = 1", "policy.toml is not valid: unknown key minimum. Top-level keys: "),
        ("minimum_version = 1", "policy.toml is not valid: minimum_version is 1. "),
        (
            'minimum_version = "new"',
            "policy.toml is not valid: minimum_version is 'new'. "
            "Value error, write a release, such as v1.2.0.",
        ),
        ("template = 3", "policy.toml is not valid: template 1 is 3. "),
        ("answers = 3", "policy.toml is not valid: answers is 3. "),
        ("waivers.allow = []", "policy.toml is not valid: unknown key waivers, allow. "),
        ("waivers.longest_days = -1", "policy.toml is not valid: waivers, longest_days is -1. "),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(
    fleet: Fleet, lamps: Path, text: str | None, sentence: str
) -> None:
    if text is not None:
        (lamps / "policy.toml").write_text(text)

    run = fleet(lamps, "policy", "policy.toml", ".")

    assert (run.code, run.output) == (1, "")
    assert run.errors.startswith(f"fleet: {sentence}")
