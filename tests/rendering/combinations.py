"""Combinations of answers that stand for all of them, and what each answer may change."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

Render = Callable[..., Path]
Answers = dict[str, Any]
ANSWERS_FILE = ".copier-answers.yml"
DEFAULTS: Answers = {
    "service_name": "my-service",
    "description": "An async FastAPI service on Postgres.",
    "postgres_version": 18,
    "container": True,
    "ci": "github",
    "auth": "none",
    "jobs": False,
    "license": "proprietary",
    "telemetry": False,
    "kubernetes": False,
    "team": "",
    "http_port": 8000,
    "python_image_version": "3.14",
    "python_image": "",
    "license_holder": "",
}
EVERYTHING: Answers = {
    "service_name": "the-longest-name-that-a-service-can-have",
    "description": """Lamps \\ "tables": {{ it's }} 100 % # ${all} 🎉""",
    "postgres_version": 15,
    "container": True,
    "ci": "github",
    "auth": "oidc",
    "jobs": True,
    "license": "MIT",
    "telemetry": True,
    "kubernetes": True,
    "team": "@acme/lamps",
    "http_port": 9000,
    "python_image_version": "3.12",
    "python_image": "registry.example.com:5000/Python:3.12@sha256:abc",
    "license_holder": "Lamps & Söhne",
}
NOTHING: Answers = {"container": False, "ci": "none", "license": "proprietary", "team": ""}


def hostile(text: str, team: str) -> Answers:
    return {
        "service_name": "a--b" * 10,
        "description": text,
        "license": "MIT",
        "license_holder": text,
        "team": team,
    }


COMBINATIONS: dict[str, Answers] = {
    "defaults": {},
    "service_name": {"service_name": "lamps"},
    "description": {"description": "Lamps, and who may switch them."},
    "postgres_version": {"postgres_version": 15},
    "container-false": {"container": False},
    "ci-gitlab": {"ci": "gitlab"},
    "ci-none": {"ci": "none"},
    "auth-oidc": {"auth": "oidc"},
    "jobs": {"jobs": True},
    "jobs-without-container": {"jobs": True, "container": False},
    "license-mit": {"license": "MIT"},
    "license-apache": {"license": "Apache-2.0"},
    "telemetry": {"telemetry": True},
    "kubernetes": {"kubernetes": True},
    "team": {"team": "@acme/lamps"},
    "http_port": {"http_port": 9000},
    "python_image_version": {"python_image_version": "3.12"},
    "python_image": {"python_image": "registry.example.com/python:3.14"},
    "license_holder": {"license": "MIT", "license_holder": "Lamps Ltd"},
    "everything": EVERYTHING,
    "everything-gitlab": EVERYTHING | {"ci": "gitlab", "license": "Apache-2.0"},
    "gitlab-without-container": {"ci": "gitlab", "container": False},
    "nothing": NOTHING,
    "hostile-quotes": hostile(r"""' "quoted" ''' \""" \n \\ C:\new\x '""", "o'neil@example.org"),
    "hostile-jinja": hostile("{{ x }} {% raw %} {# y #} {% if %} }} %}", "{{x}}@example.org"),
    "hostile-signs": hostile("# - a: [b, {c}] | > & * ! % @ ` $(d) ${e} %(f)s", "@@a_b.c/d-e"),
    "hostile-unicode": hostile("🎉 Größe 日本 \u202e\u00a0\u0301 \U0010ffff", "größe@example.org"),
    "hostile-long": hostile("word " * 100 + "end", "a" * 60 + "@example.org"),
    "hostile-words": hostile("null", "no@example.org"),
    "empty-description": {"description": ""},
}
# Each two answers of these questions meet in one of them.
QUESTIONS = ("auth", "jobs", "telemetry", "container", "ci", "kubernetes")
PAIRS: dict[str, Answers] = {
    " ".join(str(answer) for answer in row): dict(zip(QUESTIONS, row, strict=True))
    for row in (
        ("oidc", False, True, True, "github", True),
        ("none", True, False, False, "none", False),
        ("oidc", False, False, False, "gitlab", False),
        ("none", True, True, True, "gitlab", True),
        ("none", True, False, True, "github", False),
        ("none", False, True, False, "none", True),
        ("oidc", True, True, True, "none", False),
        ("none", True, False, False, "github", True),
    )
}
# Those of `make test-fast`; the others are slow by their number.
QUICK = {"defaults", "everything", "nothing", "hostile-jinja"}
# The files and folders that each answer may change, add or leave out, beside the answers file.
MAY_CHANGE: dict[str, set[str]] = {
    "service_name": {
        "Dockerfile",
        "LICENSE-MIT",
        "README.md",
        "compose.jobs.yaml",
        "compose.yaml",
        "deploy/base/kustomization.yaml",
        "deploy/overlays/local/kustomization.yaml",
        "deploy/overlays/production/kustomization.yaml",
        "deploy/overlays/staging/kustomization.yaml",
        "pyproject.toml",
    },
    "description": {"README.md", "pyproject.toml"},
    "postgres_version": {
        ".gitlab-ci.yml",
        ".postgres-version",
        "compose.yaml",
        "deploy/components/cloudnative-pg/cluster.yaml",
        "deploy/overlays/local/postgres.yaml",
    },
    "container": {
        ".devcontainer/",
        ".dockerignore",
        ".github/workflows/image.yml",
        "Dockerfile",
        "README.md",
        "compose.auth.env",
        "compose.jobs.yaml",
        "compose.yaml",
        "docs/image.md",
        "make/image.mk",
    },
    "auth": {
        ".env.auth.example",
        "README.md",
        "app/core/auth.py",
        "app/server/capabilities/auth/",
        "compose.auth.env",
        "compose.yaml",
        "deploy/base/kustomization.yaml",
        "deploy/components/issuer/",
        "dev/beside/issuer.py",
        "dev/issuer.py",
        "docs/auth.md",
        "make/auth.mk",
        "ops/prometheus/auth_rules.yaml",
        "ops/prometheus/auth_rules_test.yaml",
        "pyproject.toml",
        "tests/capabilities/auth.py",
        "tests/core/test_auth.py",
        "tests/server/capabilities/auth/",
        "tests/settings.auth.env",
    },
    "jobs": {
        ".env.jobs.example",
        "README.md",
        "app/core/jobs/",
        "app/server/capabilities/jobs.py",
        "app/worker/",
        "compose.jobs.yaml",
        "deploy/base/kustomization.yaml",
        "deploy/components/cloudnative-pg/kustomization.yaml",
        "deploy/components/cloudnative-pg/worker/",
        "deploy/components/worker/",
        "dev/beside/worker.py",
        "dev/jobs_migration.py",
        "docs/jobs.md",
        "make/jobs.mk",
        "migrations/versions/2026-11-30_0900_6b0d3a91f2c4_create_jobs.py",
        "ops/grafana/jobs.json",
        "ops/prometheus/jobs_rules.yaml",
        "ops/prometheus/jobs_rules_test.yaml",
        "pyproject.toml",
        "tests/capabilities/features/lamps/",
        "tests/capabilities/jobs.py",
        "tests/core/jobs/",
        "tests/worker/",
    },
    "ci": {".github/", ".gitlab-ci.yml"},
    "license": {"LICENSE-APACHE", "LICENSE-MIT", "pyproject.toml"},
    "telemetry": {
        ".env.telemetry.example",
        "README.md",
        "app/core/telemetry/",
        "app/server/capabilities/telemetry.py",
        "deploy/base/kustomization.yaml",
        "deploy/components/metrics/",
        "docs/alerts.md",
        "docs/telemetry.md",
        "ops/grafana/",
        "ops/prometheus/",
        "pyproject.toml",
        "tests/capabilities/telemetry.py",
        "tests/core/telemetry/",
        "tests/server/capabilities/auth/test_telemetry.py",
        "tests/server/capabilities/test_telemetry.py",
        "tests/server/capabilities/test_telemetry_secrets.py",
        "tests/server/capabilities/test_telemetry_trees.py",
    },
    "kubernetes": {
        "README.md",
        "deploy/",
        "dev/queueing.py",
        "dev/scale.py",
        "docs/operations.md",
        "docs/scale.md",
    },
    "team": {"CODEOWNERS"},
    "http_port": {"Dockerfile", "Makefile", "README.md", "compose.yaml", "deploy/base/web.yaml"},
    "python_image_version": {"Dockerfile"},
    "python_image": {"Dockerfile"},
    "license_holder": {"LICENSE-MIT"},
}


def answers_of(combination: str) -> Answers:
    """All the answers."""
    return DEFAULTS | COMBINATIONS[combination]
