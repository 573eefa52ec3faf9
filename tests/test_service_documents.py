"""The pages of a service: the promises stand where they say, and figures are those of the code."""

import re
from pathlib import Path

from tests.support.markdown import FENCE, code_spans
from tests.support.services import ROOT

TEMPLATE = ROOT / "template"
PROMISES = (TEMPLATE / "docs/promises.md").read_text()
SETTING = "POSTGRES|SHUTDOWN|MIGRATION|MAX|BODY|LOG|REQUEST|TRUSTED|HSTS"
SETTINGS = dict(
    re.findall(r"^#? ?([A-Z_]+)=(\S*)$", (TEMPLATE / ".env.example").read_text(), re.MULTILINE)
)


def defined_in(folder: Path) -> set[str]:
    files = [folder] if folder.is_file() else list(folder.rglob("test_*.py"))
    return {name for file in files for name in re.findall(r"def (test_\w+)", file.read_text())}


def test_a_promise_is_proved_where_its_heading_says() -> None:
    misplaced = {}
    for part in PROMISES.split("\n## ")[1:]:
        heading, _, text = part.partition("\n")
        root = ROOT if "template's repository" in heading else TEMPLATE
        folders = [root / path for path in code_spans(heading)]
        proved = set().union(*map(defined_in, folders))
        misplaced[heading] = set(re.findall(r"`(test_\w+)`", text)) - proved

    assert len([heading for heading in misplaced if "`tests" in heading]) == 6
    assert {heading: names for heading, names in misplaced.items() if names} == {}


def test_the_page_of_security_names_tests_that_exist_for_each_point_of_the_template() -> None:
    page = (TEMPLATE / "docs/security.md").read_text()
    rows = re.findall(r"^\|(?: (?:API|V)\d.*?)? \| (\w+)", page, re.MULTILINE)
    named = set(re.findall(r"`(test_\w+)`", page))
    covered = {int(number) for number in re.findall(r"^\| API(\d+) ", page, re.MULTILINE)}

    unproved = re.findall(r"^\|(?: [AV]\w.*?)? \| template(?!.*`test_).*$", page, re.MULTILINE)

    assert unproved == []
    assert named - defined_in(TEMPLATE / "tests") - defined_in(ROOT / "tests") == set()
    assert covered == set(range(1, 11))
    assert len(rows) > 40
    assert set(rows) == {"template", "yours", "operator"}


def test_the_picture_of_connections_has_the_pools_of_the_settings() -> None:
    picture = next(content for _, content in FENCE.findall(PROMISES) if "SessionDep" in content)
    engines = (TEMPLATE / "app/core/database.py").read_text()
    pool = int(SETTINGS["POSTGRES_POOL_SIZE"]) + int(SETTINGS["POSTGRES_POOL_MAX_OVERFLOW"])
    probe = int(re.findall(r"pool_size=(\d+)\) as probe", engines)[0])

    drawn = re.findall(r" (write|read|probe) +(\d+) +(BEGIN|AUTOCOMMIT)", picture)

    assert drawn == [
        ("write", str(pool), "BEGIN"),
        ("read", str(pool), "AUTOCOMMIT"),
        ("probe", str(probe), "AUTOCOMMIT"),
    ]
    assert f"opens {2 * pool + probe} connections at most" in PROMISES


def test_every_setting_that_the_pages_name_exists() -> None:
    pages = [*TEMPLATE.glob("*.md*"), *(TEMPLATE / "docs").glob("*.md")]
    named = {
        span
        for page in pages
        for span in code_spans(page.read_text())
        if re.fullmatch(rf"({SETTING})_[A-Z_]+", span)
    }

    assert len(named) >= 5
    assert named - set(SETTINGS) == set()


def test_every_path_that_a_page_names_exists() -> None:
    missing = {}
    for page in (TEMPLATE / "docs").glob("*.md"):
        paths = re.findall(r"`((?:app|docs|migrations|tests|dev)/[\w./-]+\w)/?`", page.read_text())
        missing[page.name] = {
            path for path in paths if not any((root / path).exists() for root in (TEMPLATE, ROOT))
        }

    assert missing["promises.md"] == missing["updates.md"] == set()
    assert missing["migrations.md"] == missing["requests.md"] == missing["security.md"] == set()
