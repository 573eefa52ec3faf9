"""Findings in the Static Analysis Results Interchange Format 2.1.0, which CI systems show."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fleet.policy import REASONS, Finding

SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)


def as_sarif(findings: Iterable[Finding]) -> str:
    rules = [{"id": code, "shortDescription": {"text": text}} for code, text in REASONS.items()]
    run = {
        "tool": {"driver": {"name": "fleet", "rules": rules}},
        "results": [_result(finding) for finding in findings],
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2)


def _result(finding: Finding) -> dict[str, Any]:
    place = {"artifactLocation": {"uri": _uri(Path(finding.service, finding.file))}}
    return {
        "ruleId": finding.code,
        "ruleIndex": list(REASONS).index(finding.code),
        "level": "error",
        "message": {"text": finding.message},
        "locations": [{"physicalLocation": place | {"region": {"startLine": 1}}}],
    }


def _uri(path: Path) -> str:
    return path.as_uri() if path.is_absolute() else quote(path.as_posix())
