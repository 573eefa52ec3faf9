"""The job that opens a merge request for a newer template."""

import os
import subprocess

import pytest

from tests.scheduled_jobs.site import BODY, BOTH, BRANCH, KNOWN, MAIN, Site, executable
from tests.support import ci_jobs
from tests.support.locked_server import locked_server
from tests.support.services import git

pytestmark = pytest.mark.slow


def test_gitlab_without_a_token_fails_and_says_what_to_set(updated: Site) -> None:
    code, printed = updated.run_on_gitlab(TEMPLATE_UPDATE_TOKEN="")

    assert (code, printed) == (
        1,
        "The CI/CD variable TEMPLATE_UPDATE_TOKEN is not set: make a project access token "
        "(Settings > Access tokens; role Developer, scope write_repository), and add it under "
        "that name, masked, in Settings > CI/CD > Variables.\n",
    )
    assert not (updated.folder / "make-environment").exists()


def test_gitlab_does_nothing_without_a_newer_template(site: Site) -> None:
    code, printed = site.run_on_gitlab()

    assert (code, printed) == (0, "")
    assert site.branches() == MAIN


def test_gitlab_gets_a_merge_request_for_a_newer_template(updated: Site) -> None:
    code, printed = updated.run_on_gitlab()

    assert code == 0, printed
    assert updated.branches() == BOTH
    assert updated.read("options").splitlines() == [
        "merge_request.create",
        "merge_request.remove_source_branch",
        "merge_request.target=main",
        "merge_request.title=Update the template to v1.2.0",
        r"merge_request.description=# v1.2.0\n\n- Adds `größe`.",
    ]
    assert printed.startswith(BODY)
    assert "secret" not in printed


def test_gitlab_leaves_an_existing_branch_alone(updated: Site) -> None:
    git(updated.service, "push", "--quiet", "origin", f"main:{BRANCH}")

    code, printed = updated.run_on_gitlab()

    assert (code, printed) == (0, f"{BODY}{KNOWN}\n")
    assert updated.branches() == MAIN | {BRANCH: "Start from the template"}


def test_gitlab_never_pushes_to_main_whatever_the_branch_is_called(updated: Site) -> None:
    updated.write("named", "main\n")
    git(updated.service, "commit", "--quiet", "--allow-empty", "--message", "Not for main")

    code, _ = updated.run_on_gitlab()

    assert (code, updated.branches()) == (0, MAIN)


def test_an_update_that_fails_fails_the_job_on_gitlab(updated: Site) -> None:
    updated.write("failing")

    code, printed = updated.run_on_gitlab()

    assert code != 0
    assert printed.startswith("The update has failed.\n")
    assert updated.branches() == MAIN


def test_a_merge_request_that_gitlab_refuses_is_reported_and_tried_again(updated: Site) -> None:
    updated.write("refusing")

    code, printed = updated.run_on_gitlab()

    assert (code, updated.branches()) == (1, MAIN)
    assert printed.splitlines()[-1] == (
        "GitLab did not open the merge request, for the reason above."
    )


def test_a_push_that_fails_fails_the_job_on_gitlab(updated: Site) -> None:
    executable(updated.folder / "origin.git/hooks/pre-receive", "#!/bin/sh\nexit 1\n")

    code, _ = updated.run_on_gitlab()

    assert (code, updated.branches()) == (1, MAIN)


def test_a_body_that_is_too_long_for_gitlab_is_shortened_and_links_to_the_rest(site: Site) -> None:
    long = "# v1.2.0\n" + "🎉" * 20_000 + "\n"
    site.write("body.md", long)

    code, printed = site.run_on_gitlab()

    assert code == 0, printed
    start = (
        "This text was shortened: [the job](https://gitlab.example/7) has all of it in its log.\n\n"
    )
    description = (start + long[:15_000]).replace("\n", r"\n")
    option = f"merge_request.description={description}"
    assert site.read("options").splitlines()[-1] == option
    assert len(option.encode()) < 65_516
    assert printed.startswith(long)


def test_gitlab_is_given_the_token_as_a_password(updated: Site) -> None:
    with locked_server() as lock:
        code, _ = updated.run_on_gitlab(CI_PROJECT_URL=f"{lock.address}/acme/lamps")

    assert code != 0
    assert lock.given == ["token:secret"]


def test_a_schedule_of_gitlab_runs_the_update_and_nothing_else(site: Site) -> None:
    main = {"CI_COMMIT_BRANCH": "main", "CI_DEFAULT_BRANCH": "main"}
    tag = {"CI_COMMIT_TAG": "v1", "CI_DEFAULT_BRANCH": "main"}
    of_a_request = {"CI_DEFAULT_BRANCH": "main", "PUBLISH_IMAGE": "true"}
    publishing = main | {"PUBLISH_IMAGE": "true"}

    def jobs(source: str, variables: dict[str, str]) -> list[str]:
        return ci_jobs.gitlab_jobs(site.gitlab, {"CI_PIPELINE_SOURCE": source, **variables})

    checks = ["check", "test", "migrations", "container"]
    assert jobs("schedule", publishing) == ["template-update"]
    assert jobs("push", main) == jobs("push", tag) == checks
    assert jobs("merge_request_event", of_a_request) == checks
    assert jobs("push", publishing) == [*checks, "publish"]
    assert jobs("push", tag | {"PUBLISH_IMAGE": "true"}) == [*checks, "publish"]


def test_the_update_may_write_the_lock_file_on_gitlab(site: Site) -> None:
    document = ci_jobs.load(site.gitlab)
    (site.service / "pyproject.toml").write_text(
        '[project]\nname = "lamps"\nversion = "0"\nrequires-python = ">=3.11"\n'
    )
    variables = document[".uv"]["variables"] | document["template-update"]["variables"]
    kept = {"UV_LOCKED": variables["UV_LOCKED"]}

    subprocess.run(
        [os.environ.get("UV", "uv"), "lock", "--quiet", "--offline"],
        cwd=site.service,
        env=os.environ | kept,
        check=True,
    )

    assert (site.service / "uv.lock").exists()
