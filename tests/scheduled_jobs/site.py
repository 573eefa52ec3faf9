"""A service with its origin, on which the jobs that bring a newer template run for real.

`make template-branch` is a stand-in with the contract of the service's own: it makes a branch with
a commit, writes the text for the pull request, and prints the branch's name, or nothing at all.
"""

from dataclasses import dataclass
from pathlib import Path

from tests.support import ci_jobs
from tests.support.ci_jobs import Done
from tests.support.services import git

BRANCH = "template-update/v1.2.0"
BODY = "# v1.2.0\n\n- Adds `größe`.\n"
MAIN = {"main": "Start from the template"}
BOTH = MAIN | {BRANCH: "Update the template to v1.2.0"}
KNOWN = f"The branch {BRANCH} exists already and stays as it is. Delete it to start over."

MAKEFILE = f"""
template-branch:
	@env > ../make-environment
	@printf '%s' "$(LEAVE_OUT)" > ../left-out
	@test ! -e ../failing || {{ echo 'The update has failed.' >&2; exit 1; }}
	@test ! -e ../body.md || $(MAKE) --silent branch
branch:
	@cp ../body.md "$(BODY)"
	@git switch --quiet --create {BRANCH}
	@echo v1.2.0 > version
	@git commit --quiet --all --message 'Update the template to v1.2.0' --message 'More.'
	@cat ../named 2> /dev/null || echo {BRANCH}
"""

# Records what it is asked. Of `gh`, the jobs use these two commands.
GH = """#!/bin/sh
if [ "$1 $2" = "auth git-credential" ]; then
  printf 'username=x-access-token\\npassword=%s\\n' "$GH_TOKEN"
  exit
fi
printf '%s\\n' "$GH_TOKEN" "$@" > ../gh-arguments
cat > ../gh-body
if [ -e ../refusing ]; then
  echo 'GitHub Actions is not permitted to create or approve pull requests'
  exit 1
fi
"""

# What GitLab does with push options, and what it answers where it opens no merge request.
HOOK = """#!/bin/sh
n=0
while [ "$n" -lt "${GIT_PUSH_OPTION_COUNT:-0}" ]; do
  eval "printf '%s\\\\n' \\"\\$GIT_PUSH_OPTION_$n\\"" >> ../options
  n=$((n + 1))
done
if [ -e ../refusing ]; then
  echo "WARNINGS: Error encountered with push options" >&2
fi
"""


@dataclass(frozen=True)
class Site:
    """A service with its origin, and the files by which its surroundings talk to the tests."""

    folder: Path
    workflow: Path
    gitlab: Path

    @property
    def service(self) -> Path:
        return self.folder / "service"

    def branches(self) -> dict[str, str]:
        """The subject of the newest commit of each branch of origin."""
        lines = git(
            self.folder / "origin.git",
            "for-each-ref",
            "--format=%(refname:short)=%(subject)",
            "refs/heads",
        )
        return dict(line.split("=", 1) for line in lines.splitlines())

    def write(self, name: str, text: str = "") -> None:
        (self.folder / name).write_text(text)

    def read(self, name: str) -> str:
        return (self.folder / name).read_text()

    def asked(self) -> bool:
        """Whether there was anything asked of `gh` but a password."""
        return (self.folder / "gh-arguments").exists()

    def run_on_github(self, **values: str) -> Done:
        environment = ci_jobs.clean(
            {
                "GITHUB_REF_NAME": "main",
                "GITHUB_REPOSITORY": "acme/lamps",
                "GITHUB_RUN_ID": "7",
                "GITHUB_SERVER_URL": "https://github.example",
                "GITHUB_STEP_SUMMARY": str(self.folder / "summary"),
                "RUNNER_TEMP": str(self.folder / "temporary"),
            },
            self.folder / "bin",
        )
        given = {"github.token": "the-jobs-token", **values}
        actions = {"actions/create-github-app-token": {"token": "the-apps-token"}}
        job = ci_jobs.load(self.workflow)["jobs"]["update"]
        return ci_jobs.GithubJob(self.service, environment, given, actions).run(job)

    def run_on_gitlab(self, **variables: str) -> tuple[int, str]:
        defaults = {
            "CI_COMMIT_BRANCH": "main",
            "CI_JOB_URL": "https://gitlab.example/7",
            "CI_PROJECT_URL": str(self.folder / "origin"),
            "CI_SERVER_HOST": "gitlab.example",
            "TEMPLATE_UPDATE_TOKEN": "secret",
        }
        job = ci_jobs.load(self.gitlab)["template-update"]
        environment = ci_jobs.clean(defaults | job["variables"] | variables, self.folder / "bin")
        return ci_jobs.run_gitlab_job(job, self.service, environment)


def executable(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
