"""Runs jobs of CI files in a folder: steps, conditions and outputs, as far as ours need it."""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}")
TEXT_OR_NAME = re.compile(r"'[^']*'|[a-z_]+(?:\.[\w-]+)+")
OUTPUT = re.compile(r"^(\w+)(?:=([^\n]*)|<<(\w+)\n(.*?)\n\3)$", re.MULTILINE | re.DOTALL)

Values = Mapping[str, str]


@dataclass
class Done:
    """How a job has ended: its exit code, what it printed, and what its steps left behind."""

    code: int = 0
    printed: str = ""
    outputs: dict[str, str] = field(default_factory=dict)
    used: dict[str, dict[str, str]] = field(default_factory=dict)


def load(path: Path) -> dict[str, Any]:
    """A YAML file in which all scalars stay text: to YAML 1.1, GitHub's key `on` is a boolean."""
    document: dict[str, Any] = yaml.load(path.read_text(), Loader=yaml.BaseLoader)
    return document


def evaluate(expression: str, values: Values) -> Any:
    """A GitHub expression of names, text, `!`, `!=`, `&&` and `||`. Unknown names are empty."""

    def literal(match: re.Match[str]) -> str:
        return match[0] if match[0].startswith("'") else repr(values.get(match[0], ""))

    python = TEXT_OR_NAME.sub(literal, expression).replace("&&", " and ").replace("||", " or ")
    return eval(re.sub(r"!(?!=)", " not ", python).strip(), {})


def fill(texts: Mapping[str, str], values: Values) -> dict[str, str]:
    """The texts with the values of the expressions in them."""
    return {
        key: EXPRESSION.sub(lambda match: str(evaluate(match[1], values)), text)
        for key, text in texts.items()
    }


def run(script: str, folder: Path, environment: Values, *options: str) -> tuple[int, str]:
    """The exit code of a script of bash and everything that it prints."""
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", *options, "-c", script],
        cwd=folder,
        env=environment,
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return done.returncode, done.stdout


def clean(environment: Values, *folders: Path) -> dict[str, str]:
    """The variables that every machine has, and tools of the given folders before all others."""
    uv = os.environ.get("UV") or shutil.which("uv") or "uv"
    path = os.pathsep.join([*map(str, folders), os.environ["PATH"], str(Path(uv).parent)])
    git = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    return {"PATH": path, "HOME": str(folders[0]), "LANG": "C", **git, **environment}


@dataclass
class GithubJob:
    """Runs jobs in a folder. Actions do nothing there: their outputs are given."""

    folder: Path
    environment: Values
    values: dict[str, str]
    actions: Mapping[str, dict[str, str]] = field(default_factory=dict)

    def run(self, job: Mapping[str, Any]) -> Done:
        """Run the steps until one fails."""
        done = Done()
        if not evaluate(job.get("if", "'always'"), self.values):
            return done
        for step in job["steps"]:
            if done.code == 0 and evaluate(step.get("if", "'always'"), self.values):
                outputs = self.use(step, done) if "uses" in step else self.execute(step, done)
                prefix = f"steps.{step.get('id')}.outputs"
                self.values |= {f"{prefix}.{name}": value for name, value in outputs.items()}
        done.outputs = fill(job.get("outputs", {}), self.values)
        return done

    def use(self, step: Mapping[str, Any], done: Done) -> dict[str, str]:
        action = step["uses"].partition("@")[0]
        done.used[action] = fill(step.get("with", {}), self.values)
        return self.actions.get(action, {})

    def execute(self, step: Mapping[str, Any], done: Done) -> dict[str, str]:
        """Run a script as GitHub does, which is without `pipefail`."""
        file = Path(self.environment["RUNNER_TEMP"]) / "outputs"
        file.write_text("")
        given = fill(step.get("env", {}), self.values)
        environment = {**self.environment, **given, "GITHUB_OUTPUT": str(file)}
        done.code, printed = run(step["run"], self.folder, environment, "-e")
        done.printed += printed
        return {name: line or text for name, line, _, text in OUTPUT.findall(file.read_text())}


def run_gitlab_job(job: Mapping[str, Any], folder: Path, environment: Values) -> tuple[int, str]:
    """Run the script of a job as GitLab does: its lines are one script."""
    return run("\n".join(job["script"]), folder, environment, "-eo", "pipefail")


def gitlab_jobs(path: Path, environment: Values) -> list[str]:
    """The jobs of a pipeline, by the conditions of their rules alone. Hidden ones are left out."""

    def holds(rule: Mapping[str, str]) -> bool:
        python = re.sub(r"\$(\w+)", lambda name: repr(environment.get(name[1], "")), rule["if"])
        return bool(eval(python.replace("&&", " and "), {}))

    def rules(job: Mapping[str, Any]) -> Any:
        return job.get("rules") or rules(document[job["extends"]])

    document = load(path)
    if not any(holds(rule) for rule in document["workflow"]["rules"]):
        return []
    jobs = {name: job for name, job in document.items() if "script" in job}
    return [name for name, job in jobs.items() if any(holds(rule) for rule in rules(job))]
