"""The files that CI reads: valid to strict tools, pinned, the commands of `make`."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.ci_jobs import load
from tests.support.commands import TOOLS, said
from tests.support.services import ROOT

Render = Callable[..., Path]


# The commit that each version names. A new version is a change here, after a look at what it does.
ACTIONS = {
    ("actions/checkout", "v7.0.1"): "3d3c42e5aac5ba805825da76410c181273ba90b1",
    ("actions/upload-artifact", "v7.0.1"): "043fb46d1a93c77aae656e7c1c64a875d1fc6a0a",
    ("actions/create-github-app-token", "v3.2.0"): "bcd2ba49218906704ab6c1aa796996da409d3eb1",
    ("astral-sh/setup-uv", "v10.0.1"): "20cfd1bf945f4377ade1205e4dbc17946fc9a30d",
}


@pytest.fixture(params=["this repository's", "a service's"])
def workflows(request: pytest.FixtureRequest, render: Render) -> Path:
    root = ROOT if request.param == "this repository's" else render(ci="github", container=True)
    return root / ".github" / "workflows"


def test_github_workflows_are_valid(workflows: Path) -> None:
    files = sorted(workflows.glob("*.yml"))

    schema = said(
        "check-jsonschema", "--builtin-schema", "vendor.github-workflows", *files, cwd=workflows
    )
    linter = said("actionlint", "-shellcheck", TOOLS / "shellcheck", *files, cwd=workflows)

    assert schema == (0, "ok -- validation done")
    assert linter == (0, "")


def test_github_workflows_give_an_attacker_nothing(workflows: Path) -> None:
    strict = ("--offline", "--no-config", "--persona", "auditor")

    result = said("zizmor", "--quiet", "--color=never", *strict, workflows, cwd=workflows)
    ignored = [
        line.partition("zizmor: ")[2]
        for file in workflows.glob("*.yml")
        for line in file.read_text().splitlines()
        if "zizmor: " in line
    ]

    told = "No findings to report. Good job!" + (" (1 ignored)" if ignored else "")
    assert result == (0, told)
    assert ignored in ([], ["ignore[secrets-outside-env]"])


def test_every_action_is_pinned_by_the_commit_that_its_comment_names(workflows: Path) -> None:
    uses = [
        line.strip().removeprefix("- ")
        for file in workflows.glob("*.yml")
        for line in file.read_text().splitlines()
        if "uses:" in line
    ]

    known = {
        f"uses: {action}@{commit} # {version}" for (action, version), commit in ACTIONS.items()
    }

    assert uses
    assert set(uses) - known == set()


def test_every_job_of_every_workflow_ends_by_itself(workflows: Path) -> None:
    jobs = [job for file in workflows.glob("*.yml") for job in load(file)["jobs"].values()]

    assert [job for job in jobs if "timeout-minutes" not in job] == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("answers", "files"),
    [
        (
            {"ci": "github", "container": True},
            {
                ".github/workflows/ci.yml",
                ".github/workflows/image.yml",
                ".github/workflows/template-update.yml",
            },
        ),
        (
            {"ci": "github", "container": False},
            {".github/workflows/ci.yml", ".github/workflows/template-update.yml"},
        ),
        ({"ci": "gitlab"}, {".gitlab-ci.yml"}),
        ({"ci": "none"}, set()),
    ],
)
def test_a_service_has_the_files_of_its_own_ci_alone(
    render: Render, answers: dict[str, Any], files: set[str]
) -> None:
    service = render(**answers)

    found = [*service.glob(".gitlab-ci.yml"), *service.glob(".github/**/*.*")]

    assert {str(file.relative_to(service)) for file in found} == files


def test_the_gitlab_file_is_valid(render: Render) -> None:
    service = render(ci="gitlab")

    result = said(
        "check-jsonschema",
        "--builtin-schema",
        "vendor.gitlab-ci",
        "--data-transform",
        "gitlab-ci",
        ".gitlab-ci.yml",
        cwd=service,
    )

    assert result == (0, "ok -- validation done")


def test_the_scripts_of_the_gitlab_file_pass_the_linter_of_shells(
    render: Render, tmp_path: Path
) -> None:
    jobs = load(render(ci="gitlab") / ".gitlab-ci.yml")
    scripts = {name: job["script"] for name, job in jobs.items() if "script" in job}
    for name, lines in scripts.items():
        (tmp_path / f"{name}.sh").write_text("\n".join(lines))

    result = said(
        TOOLS / "shellcheck", "--shell=bash", *sorted(tmp_path.glob("*.sh")), cwd=tmp_path
    )

    assert len(scripts) == 6
    assert result == (0, "")


def test_both_systems_run_the_same_commands(render: Render) -> None:
    github = render(ci="github", container=True) / ".github/workflows"
    workflow = load(github / "ci.yml")["jobs"]
    image = load(github / "image.yml")["jobs"]
    gitlab = load(render(ci="gitlab") / ".gitlab-ci.yml")

    def commands(job: dict[str, Any]) -> list[str]:
        steps = job.get("script") or [step["run"] for step in job["steps"] if "run" in step]
        prepares = ("docker run", "uv lock", "docker login", "docker buildx create")
        named = [re.sub(r"(TAG=\S+ )?(make .*)IMAGE=.*", r"\2IMAGE=...", step) for step in steps]
        return [step for step in named if not step.startswith(prepares)]

    assert {name: commands(job) for name, job in workflow.items()} == {
        "check": ["make check", "uv run pre-commit run --all-files --show-diff-on-failure"],
        "test": ["make test"],
        "migrations": ["uv run alembic upgrade head", "uv run alembic check"],
    }
    assert {name: commands(gitlab[name]) for name in workflow} == {
        name: commands(job) for name, job in workflow.items()
    }
    assert commands(gitlab["container"]) == commands(image["image"])
    assert commands(gitlab["publish"]) == commands(image["publish"])
    assert commands(image["publish"]) == ["make image-publish IMAGE=..."]


def test_neither_system_publishes_until_a_variable_says_so(render: Render) -> None:
    github = load(render(ci="github") / ".github/workflows/image.yml")["jobs"]["publish"]
    gitlab = load(render(ci="gitlab") / ".gitlab-ci.yml")["publish"]

    assert github["if"] == "vars.PUBLISH_IMAGE == 'true' && github.event_name == 'push'"
    assert github["needs"] == "image"
    pushed = '$PUBLISH_IMAGE == "true" && $CI_PIPELINE_SOURCE == "push" && '
    assert [rule["if"].removeprefix(pushed) for rule in gitlab["rules"]] == [
        "$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH",
        "$CI_COMMIT_TAG",
    ]
    assert (gitlab["stage"], "needs" in gitlab) == ("deploy", False)


def test_both_systems_test_the_oldest_and_the_newest_python(render: Render) -> None:
    workflow = load(render(ci="github") / ".github/workflows/ci.yml")
    gitlab = load(render(ci="gitlab") / ".gitlab-ci.yml")

    assert workflow["jobs"]["test"]["strategy"]["matrix"] == {"python": ["3.11", "3.14"]}
    assert gitlab["test"]["parallel"]["matrix"] == [{"PYTHON": ["3.11", "3.14"]}]


@pytest.mark.slow
def test_both_systems_start_the_postgres_that_was_chosen(render: Render) -> None:
    github = render(ci="github", postgres_version=16)
    gitlab = render(ci="gitlab", postgres_version=16)

    jobs = load(github / ".github/workflows/ci.yml")["jobs"]
    steps = [step for job in jobs.values() for step in job["steps"]]
    starts = {step["run"] for step in steps if step.get("name") == "Start Postgres"}

    assert (github / ".postgres-version").read_text() == "16\n"
    assert [re.findall(r'"postgres:(.*?)"', start) for start in starts] == [
        ["$(cat .postgres-version)"]
    ]
    assert load(gitlab / ".gitlab-ci.yml")[".postgres"]["services"][0]["name"] == "postgres:16"


@pytest.mark.parametrize("ci", ["github", "gitlab"])
def test_a_missing_lock_file_is_told_with_the_way_out(
    render: Render, tmp_path: Path, ci: str
) -> None:
    service = render(ci=ci)
    shutil.copy(service / "pyproject.toml", tmp_path)
    if ci == "github":
        steps = load(service / ".github/workflows/ci.yml")["jobs"]["check"]["steps"]
        script = next(step["run"] for step in steps if "uv lock" in step.get("run", ""))
    else:
        script = load(service / ".gitlab-ci.yml")["check"]["script"][0]

    code, output = said("bash", "-ec", script, cwd=tmp_path)

    sentence = "uv.lock is missing or older than pyproject.toml: run 'make lock' and commit it."
    assert (code, output.splitlines()[-1].removeprefix("::error::")) == (1, sentence)


def test_this_repository_tests_itself_on_push_nightly_and_weekly() -> None:
    files = (ROOT / ".github/workflows").glob("*.yml")
    workflows = {file.stem: load(file) for file in files if file.stem != "release"}

    commands = {
        name: [
            step["run"]
            for job in workflow["jobs"].values()
            for step in job["steps"]
            if "run" in step
        ]
        for name, workflow in workflows.items()
    }

    assert commands == {
        "test": ["make test"],
        "nightly": [
            "make test-full",
            "sudo apt-get update && sudo apt-get install --yes wrk",
            "uv run python -m benchmarks --size nightly --output build/nightly",
            'uv run python -m benchmarks.compare build/nightly >> "$GITHUB_STEP_SUMMARY"',
        ],
        "weekly": ["make test"],
    }
    assert {name: set(workflow["on"]) for name, workflow in workflows.items()} == {
        "test": {"push", "pull_request", "merge_group"},
        "nightly": {"schedule", "workflow_dispatch"},
        "weekly": {"schedule", "workflow_dispatch"},
    }
    assert workflows["weekly"]["jobs"]["test"]["strategy"]["matrix"] == {
        "python": ["3.11", "3.12", "3.13", "3.14"]
    }
