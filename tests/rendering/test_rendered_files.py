"""Every rendered file, whatever the answers: valid, tidy and free of Jinja."""

import functools
import json
import re
import stat
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

from tests.rendering.combinations import (
    ANSWERS_FILE,
    COMBINATIONS,
    Answers,
    Render,
    answers_of,
)
from tests.support.commands import TOOLS
from tests.support.trees import contents_of, texts_of

TRAILING_SPACE = re.compile(r"[ \t\r]$", re.MULTILINE)
PORTABLE_PATH = re.compile(r"[\w./-]{1,100}", re.ASCII)


@functools.cache
def parse(suffix: str, text: str) -> None:
    """Raise an exception if the text is not valid. What many services share is parsed once."""
    match suffix:
        case ".py":
            compile(text, "rendered", "exec", dont_inherit=True)
        case ".toml":
            tomllib.loads(text)
        case ".yml" | ".yaml":
            list(yaml.safe_load_all(text))
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
        if not path.startswith("ops/")  # Grafana and Prometheus fill those braces in
        if not path.startswith("ops/")  # Grafana and Prometheus write `{{ label }}` too
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
    modes = {path: (service / path).lstat().st_mode for path in contents_of(service)}

    assert [path for path, mode in modes.items() if not stat.S_ISREG(mode)] == []
    assert [path for path, mode in modes.items() if mode & 0o602 != 0o600] == []
    assert [path for path, mode in modes.items() if mode & 0o111] == [
        path for path, content in contents_of(service).items() if content.startswith(b"#!")
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
