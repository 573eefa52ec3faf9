"""What the answers render to: which files, that they are valid, and what each answer may change.

After a change to the set of files, rewrite the snapshots and read their diff:

    UPDATE_SNAPSHOTS=1 uv run pytest tests/test_rendering.py
"""

import functools
import json
import os
import re
import shutil
import stat
import subprocess
import sysconfig
import tomllib
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import copier
import pytest
import yaml

from tests.support import services
from tests.support.services import Environment

Render = Callable[..., Path]
Answers = dict[str, Any]

TOOLS = Path(sysconfig.get_path("scripts"))
SNAPSHOTS = Path(__file__).parent / "snapshots"

TRAILING_SPACE = re.compile(r"[ \t\r]$", re.MULTILINE)
PORTABLE_PATH = re.compile(r"[\w./-]{1,100}", re.ASCII)
EXCLUDE_RULE = re.compile(r"\{% if (.*?) %\}\n(.*?)\{% endif %\}", re.DOTALL)

ANSWERS_FILE = ".copier-answers.yml"
DEFAULTS: Answers = {
    "service_name": "my-service",
    "description": "An async FastAPI service on Postgres.",
    "postgres_version": 18,
    "container": True,
    "ci": "github",
    "license": "proprietary",
    "team": "",
    "http_port": 8000,
    "python_image_version": "3.14",
    "license_holder": "The my-service authors",
}

EVERYTHING: Answers = {
    "service_name": "the-longest-name-that-a-service-can-have",
    "description": """Lamps \\ "tables": {{ it's }} 100 % # ${all} 🎉""",
    "postgres_version": 15,
    "container": True,
    "ci": "github",
    "license": "MIT",
    "team": "@acme/lamps",
    "http_port": 9000,
    "python_image_version": "3.12",
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
    "license-mit": {"license": "MIT"},
    "license-apache": {"license": "Apache-2.0"},
    "team": {"team": "@acme/lamps"},
    "http_port": {"http_port": 9000},
    "python_image_version": {"python_image_version": "3.12"},
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

# Those of `make test-fast`; the others are slow by their number.
QUICK = {"defaults", "container-false", "ci-gitlab", "everything", "nothing", "hostile-jinja"}

# The files that each answer may change, add or leave out, beside the answers file.
MAY_CHANGE: dict[str, set[str]] = {
    "service_name": {"Dockerfile", "README.md", "compose.yaml", "pyproject.toml"},
    "description": {"README.md", "pyproject.toml"},
    "postgres_version": {".gitlab-ci.yml", ".postgres-version", "compose.yaml"},
    "container": {
        ".dockerignore",
        ".github/workflows/image.yml",
        "Dockerfile",
        "README.md",
        "compose.yaml",
    },
    "ci": {
        ".github/workflows/ci.yml",
        ".github/workflows/image.yml",
        ".github/workflows/template-update.yml",
        ".gitlab-ci.yml",
    },
    "license": {"LICENSE-APACHE", "LICENSE-MIT", "pyproject.toml"},
    "team": {"CODEOWNERS"},
    "http_port": {"Dockerfile", "Makefile", "README.md", "compose.yaml"},
    "python_image_version": {"Dockerfile"},
    "license_holder": {"LICENSE-MIT"},
}


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(name, marks=[] if name in QUICK else [pytest.mark.slow])
        for name in COMBINATIONS
    ],
)
def combination(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def render(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Render:
    """As the fixture of that name, from a folder that is no repository: nothing to clone."""
    folder = tmp_path_factory.mktemp("template")
    services.git(folder, "clone", "--quiet", str(template), ".")
    shutil.rmtree(folder / ".git")

    @functools.cache
    def rendered(given: str) -> Path:
        destination = tmp_path_factory.mktemp("rendered") / "my-service"
        return services.render(folder, destination, **json.loads(given))

    return lambda **answers: rendered(json.dumps(answers))


def answers_of(combination: str) -> Answers:
    """All the answers, those that follow from others included."""
    given = COMBINATIONS[combination]
    holder = f"The {given.get('service_name', 'my-service')} authors"
    return DEFAULTS | {"license_holder": holder} | given


def files_of(service: Path) -> dict[str, bytes]:
    """What a rendered service holds: content by path."""
    files = {file for file in service.rglob("*") if not file.is_dir() or file.is_symlink()}
    return {str(file.relative_to(service)): file.read_bytes() for file in sorted(files)}


def texts_of(service: Path) -> dict[str, str]:
    return {path: content.decode() for path, content in files_of(service).items()}


def load_answers(service: Path) -> Answers:
    recorded: Answers = yaml.safe_load((service / ANSWERS_FILE).read_text())
    return {key: value for key, value in recorded.items() if not key.startswith("_")}


def test_a_render_says_what_it_creates_and_nothing_else(
    template: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    service = tmp_path / "my-service"
    version = services.git(template, "describe", "--always").strip()
    capsys.readouterr()

    copier.run_copy(str(template), service, data=EVERYTHING, defaults=True, vcs_ref="HEAD")

    said = re.sub(r"\x1b\[\d*m", "", capsys.readouterr().err).splitlines()
    listed = {line.removeprefix("    create  ") for line in said if line.startswith("    create")}
    message = said.index(f"{EVERYTHING['service_name']} is ready. Next:")
    assert listed == {str(path.relative_to(service)) for path in service.rglob("*")}
    assert [line for line in said[:message] if not line.startswith("    create")] == [
        "",
        f"Copying from template version 0.0.0.post1.dev0+{version}",
        "",
    ]


def test_two_renders_are_the_same_and_give_no_warning(
    render: Render, combination: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    first = render(**COMBINATIONS[combination])
    source = yaml.safe_load((first / ANSWERS_FILE).read_text())["_src_path"]
    capfd.readouterr()

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        second = services.render(source, tmp_path / "my-service", **COMBINATIONS[combination])

    assert files_of(second) == files_of(first)
    assert (caught, capfd.readouterr()) == ([], ("", ""))


def snapshot_of(combination: str, render: Render) -> str:
    """The list of files; of all but the default service, what differs from that one."""
    files = set(files_of(render(**COMBINATIONS[combination])))
    if combination == "defaults":
        return "".join(f"{file}\n" for file in sorted(files))
    defaults = set(files_of(render()))
    added = [f"+ {file}\n" for file in sorted(files - defaults)]
    missing = [f"- {file}\n" for file in sorted(defaults - files)]
    return "".join(["= defaults.txt\n", *added, *missing])


def test_the_list_of_files_is_that_of_the_snapshot(render: Render, combination: str) -> None:
    snapshot = SNAPSHOTS / f"{combination}.txt"
    if "UPDATE_SNAPSHOTS" in os.environ:
        snapshot.write_text(snapshot_of(combination, render))

    assert snapshot_of(combination, render) == snapshot.read_text()


def test_there_is_a_snapshot_for_each_combination_and_no_other() -> None:
    assert {file.name for file in SNAPSHOTS.iterdir()} == {f"{name}.txt" for name in COMBINATIONS}


def test_every_answer_is_recorded_as_it_was_given(render: Render, combination: str) -> None:
    assert load_answers(render(**COMBINATIONS[combination])) == answers_of(combination)


def test_answers_stand_in_the_files_as_they_were_given(render: Render, combination: str) -> None:
    service, answers = render(**COMBINATIONS[combination]), answers_of(combination)
    files = texts_of(service)

    project = tomllib.loads(files["pyproject.toml"])["project"]
    assert {key: project.get(key) for key in ("name", "description", "license")} == {
        "name": answers["service_name"],
        "description": answers["description"],
        "license": None if answers["license"] == "proprietary" else answers["license"],
    }
    title, _, description, _ = files["README.md"].split("\n", 3)
    assert (title, description) == (f"# {answers['service_name']}", answers["description"])
    assert files[".postgres-version"] == f"{answers['postgres_version']}\n"
    if answers["team"]:
        assert files["CODEOWNERS"] == f"* {answers['team']}\n"
    if answers["license"] == "MIT":
        line = files["LICENSE-MIT"].split("\n")[2]
        assert line == f"Copyright (c) {answers['license_holder']}"
    if answers["container"]:
        compose = yaml.safe_load(files["compose.yaml"])
        assert compose["name"] == answers["service_name"]


@functools.cache
def parse(suffix: str, text: str) -> None:
    """Raise an exception if the text is not valid. What many services share is parsed once."""
    match suffix:
        case ".py":
            compile(text, "rendered", "exec", dont_inherit=True)
        case ".toml":
            tomllib.loads(text)
        case ".yml" | ".yaml":
            yaml.safe_load(text)
        case ".json":
            json.loads(text)
        case _:
            pass


def test_every_file_parses(render: Render, combination: str) -> None:
    files = texts_of(render(**COMBINATIONS[combination]))

    for path, text in files.items():
        try:
            parse(Path(path).suffix, text)
        except (SyntaxError, ValueError, yaml.YAMLError) as error:
            pytest.fail(f"{path} does not parse: {error}")


def without_answers(text: str, answers: Answers) -> str:
    """The text without the free text of answers, as it is and as a JSON or TOML string."""
    for answer in (answers["description"], answers["license_holder"], answers["team"]):
        text = text.replace(json.dumps(answer, ensure_ascii=False), "")
        text = text.replace(answer or "\0", "")
    return text


def test_no_jinja_is_left(render: Render, combination: str) -> None:
    answers = answers_of(combination)
    files = texts_of(render(**COMBINATIONS[combination]))
    del files[ANSWERS_FILE]

    left = {
        path: re.findall(r"(?<!\$)\{\{.*|\{%.*|\{#.*", without_answers(text, answers))
        for path, text in files.items()
    }

    assert {path: found for path, found in left.items() if found} == {}


def test_every_file_is_text_that_editors_and_diffs_leave_alone(
    render: Render, combination: str
) -> None:
    files = texts_of(render(**COMBINATIONS[combination]))

    assert [path for path, text in files.items() if not text.strip()] == []
    assert [path for path, text in files.items() if not text.endswith("\n")] == []
    assert [path for path, text in files.items() if text.endswith("\n\n")] == []
    assert [path for path, text in files.items() if TRAILING_SPACE.search(text)] == []
    assert [path for path in files if not PORTABLE_PATH.fullmatch(path)] == []


def test_every_file_is_one_that_its_owner_can_write_and_only_scripts_run(
    render: Render, combination: str
) -> None:
    service = render(**COMBINATIONS[combination])
    modes = {path: (service / path).lstat().st_mode for path in files_of(service)}

    assert [path for path, mode in modes.items() if not stat.S_ISREG(mode)] == []
    assert [path for path, mode in modes.items() if mode & 0o602 != 0o600] == []
    assert [path for path, mode in modes.items() if mode & 0o111] == [
        path for path, content in files_of(service).items() if content.startswith(b"#!")
    ]


def test_the_linter_and_the_formatter_would_change_nothing(
    render: Render, combination: str
) -> None:
    service = render(**COMBINATIONS[combination])

    for command in (["format", "--check"], ["check"]):
        result = subprocess.run(
            [TOOLS / "ruff", *command, "--no-cache", "--quiet"],
            cwd=service,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_this_repository_and_its_services_use_the_same_ruff(render: Render) -> None:
    projects = [
        tomllib.loads((folder / "pyproject.toml").read_text())
        for folder in (services.ROOT, render())
    ]

    # fleet formats by it what it rewrites: here it is a dependency.
    ours, theirs = (
        [
            name
            for name in (*project["project"]["dependencies"], *project["dependency-groups"]["dev"])
            if str(name).startswith("ruff")
        ]
        for project in projects
    )

    assert len(ours) == 1
    assert ours == theirs


def test_an_answer_changes_the_files_of_the_table_and_no_other(
    render: Render, combination: str
) -> None:
    before = files_of(render())
    after = files_of(render(**COMBINATIONS[combination]))

    changed = {path for path in before | after if before.get(path) != after.get(path)}

    allowed = {ANSWERS_FILE}.union(*(MAY_CHANGE[answer] for answer in COMBINATIONS[combination]))
    assert changed - allowed == set()


def files_that_depend_on(answer: str) -> set[str]:
    """The files in which a question's name stands, and those that `_exclude` leaves out by it."""
    template = services.ROOT / "template"
    name = re.compile(rf"\b{answer}\b")
    mentioned = {
        str(file.relative_to(template)).removesuffix(".jinja")
        for file in template.rglob("*.jinja")
        if any(name.search(tag) for tag in re.findall(r"\{[{%].*?[}%]\}", file.read_text()))
    }
    rules = yaml.safe_load((services.ROOT / "copier.yml").read_text())["_exclude"][-1]
    excluded = [
        path
        for condition, paths in EXCLUDE_RULE.findall(rules)
        if name.search(condition)
        for path in paths.split()
    ]
    files = [str(file.relative_to(template)) for file in template.rglob("*") if file.is_file()]
    left_out = {
        file.removesuffix(".jinja")
        for file in files
        for path in excluded
        if file.removesuffix(".jinja") == path or file.startswith(f"{path}/")
    }
    return mentioned | left_out


def test_the_table_names_the_files_that_depend_on_each_answer() -> None:
    assert {name: files_that_depend_on(name) for name in DEFAULTS} == MAY_CHANGE


def test_no_answer_changes_what_python_files_contain() -> None:
    assert [file for file in set().union(*MAY_CHANGE.values()) if file.endswith(".py")] == []


@pytest.mark.slow
@pytest.mark.parametrize("target", ["check", "test"])
@pytest.mark.parametrize(
    "answers", [DEFAULTS, EVERYTHING, NOTHING], ids=["defaults", "everything", "nothing"]
)
def test_a_rendered_service_passes_its_own_checks_and_tests(
    render: Render, environment: Environment, tmp_path: Path, answers: Answers, target: str
) -> None:
    service = tmp_path / "my-service"
    shutil.copytree(render(**answers), service)

    environment.run(service, "make", target)

    left = set(files_of(service)) - set(files_of(render(**answers))) - {"uv.lock"}
    assert {path.split("/")[0] for path in left} <= {
        ".import_linter_cache",
        ".mypy_cache",
        ".pytest_cache",
        ".ruff_cache",
    }
