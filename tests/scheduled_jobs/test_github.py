"""The workflow that opens a pull request for a newer template."""

import re

import pytest

from tests.scheduled_jobs.site import BODY, BOTH, BRANCH, KNOWN, MAIN, Site
from tests.support import ci_jobs
from tests.support.ci_jobs import Done
from tests.support.locked_server import locked_server
from tests.support.services import git

pytestmark = pytest.mark.slow

WAIT = (
    "The checks are waiting: choose **Approve workflows to run** below. If there is no such "
    "button, close and reopen this pull request.\n\n"
)
APP = {"vars.TEMPLATE_UPDATE_APP_ID": "Iv1", "secrets.TEMPLATE_UPDATE_APP_KEY": "key"}


def test_github_does_nothing_without_a_newer_template(site: Site) -> None:
    done = site.run_on_github()

    assert (done.code, done.printed, site.asked()) == (0, "", False)
    assert site.branches() == MAIN


def test_github_gets_a_pull_request_for_a_newer_template(updated: Site) -> None:
    main = git(updated.folder / "origin.git", "rev-parse", "main")

    done = updated.run_on_github()

    assert done.code == 0, done.printed
    assert updated.branches() == BOTH
    assert git(updated.folder / "origin.git", "rev-parse", "main") == main
    assert updated.read("gh-arguments").splitlines() == [
        *("the-jobs-token", "pr", "create", "--base", "main", "--head", BRANCH),
        *("--title", "Update the template to v1.2.0", "--body-file", "-"),
    ]
    assert updated.read("gh-body") == WAIT + BODY
    assert updated.read("summary") == BODY


def test_without_an_app_changes_of_workflows_are_left_out(updated: Site) -> None:
    done = updated.run_on_github()

    assert updated.read("left-out") == ".github/workflows"
    assert "actions/create-github-app-token" not in done.used


def test_with_an_app_workflows_are_included_and_checks_need_no_approval(updated: Site) -> None:
    done = updated.run_on_github(**APP)

    assert done.code == 0, done.printed
    assert updated.branches() == BOTH
    assert updated.read("left-out") == ""
    assert updated.read("gh-arguments").splitlines()[0] == "the-apps-token"
    assert updated.read("gh-body") == BODY
    assert done.used["actions/create-github-app-token"] == {
        "client-id": "Iv1",
        "private-key": "key",
        "permission-contents": "write",
        "permission-pull-requests": "write",
        "permission-workflows": "write",
    }


def test_the_apps_token_is_not_asked_for_without_a_newer_template(site: Site) -> None:
    done = site.run_on_github(**APP)

    assert set(done.used) == {"actions/checkout", "astral-sh/setup-uv"}


@pytest.mark.parametrize("values", [{}, APP], ids=["the job's token", "an App's token"])
def test_the_template_never_sees_a_token(updated: Site, values: dict[str, str]) -> None:
    done = updated.run_on_github(**values)

    assert "token" not in updated.read("make-environment").lower()
    assert "token" not in (updated.service / ".git/config").read_text()
    assert done.used["actions/checkout"] == {"persist-credentials": "false"}


def test_github_leaves_an_existing_branch_alone(updated: Site) -> None:
    git(updated.service, "push", "--quiet", "origin", f"main:{BRANCH}")

    done = updated.run_on_github()

    assert (done.code, done.printed) == (0, f"::notice::{KNOWN}\n")
    assert updated.branches() == MAIN | {BRANCH: "Start from the template"}
    assert not updated.asked()


def test_github_never_pushes_to_main_whatever_the_branch_is_called(updated: Site) -> None:
    updated.write("named", "main\n")
    git(updated.service, "commit", "--quiet", "--allow-empty", "--message", "Not for main")

    done = updated.run_on_github()

    assert (done.code, updated.branches(), updated.asked()) == (0, MAIN, False)


def test_an_update_that_fails_fails_the_job_on_github(updated: Site) -> None:
    updated.write("failing")

    done = updated.run_on_github()

    assert done.code != 0
    assert (updated.branches(), updated.asked()) == (MAIN, False)


def test_a_body_that_is_too_long_for_github_is_shortened_and_links_to_the_rest(site: Site) -> None:
    long = "# v1.2.0\n" + "Größe 🎉\n" * 10_000
    site.write("body.md", long)

    done = site.run_on_github()

    assert done.code == 0, done.printed
    body = site.read("gh-body")
    run = "https://github.example/acme/lamps/actions/runs/7"
    start = f"{WAIT}This text was shortened: [the run]({run}) has all of it in its summary.\n\n"
    assert body == f"{start}{long[:60_000]}\n"
    assert len(body) <= 65_536
    assert site.read("summary") == long


def test_a_body_that_just_fits_is_not_shortened(site: Site) -> None:
    site.write("body.md", "ö" * 60_000)

    site.run_on_github()

    assert site.read("gh-body") == f"{WAIT}{'ö' * 60_000}\n"


def test_a_pull_request_that_github_refuses_is_reported_and_tried_again(updated: Site) -> None:
    updated.write("refusing")

    refused = updated.run_on_github()
    left = updated.branches()
    (updated.folder / "refusing").unlink()
    git(updated.service, "switch", "--quiet", "main")
    git(updated.service, "branch", "--quiet", "--delete", "--force", BRANCH)
    again = updated.run_on_github()

    assert (refused.code, left) == (1, MAIN)
    assert refused.printed.splitlines()[-1] == (
        "::error::GitHub did not open the pull request. If GitHub Actions may not open any, tick "
        "'Allow GitHub Actions to create and approve pull requests' in Settings > "
        "Actions > General, the organization's first, or use an App."
    )
    assert (again.code, updated.branches()) == (0, BOTH)


def test_a_variable_switches_the_job_off_on_github(updated: Site) -> None:
    done = updated.run_on_github(**{"vars.TEMPLATE_UPDATES": "off"})

    assert (done, updated.branches()) == (Done(), MAIN)


def test_github_is_given_the_token_as_a_password(updated: Site) -> None:
    with locked_server() as lock:
        git(updated.service, "remote", "set-url", "origin", f"{lock.address}/acme/lamps")

        done = updated.run_on_github()

    assert done.code != 0
    assert lock.given == ["x-access-token:the-jobs-token"]


def test_the_job_runs_weekly_by_itself_and_when_asked(site: Site) -> None:
    workflow = ci_jobs.load(site.workflow)

    assert set(workflow["on"]) == {"schedule", "workflow_dispatch"}
    assert [re.split(" +", each["cron"])[2:] for each in workflow["on"]["schedule"]] == [
        ["*", "*", "1"]
    ]
    assert workflow["permissions"] == {}
    assert workflow["jobs"]["update"]["permissions"] == {
        "contents": "write",
        "pull-requests": "write",
    }
