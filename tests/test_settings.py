"""A setting of a service's own: what is forgotten is told by a sentence, and the page has it."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.services import Environment

pytestmark = pytest.mark.slow

MARK = "# The service's own settings:\n"
WHEN = r"\b(Set it|Raise it|Lower it|Keep it|Turn it on|Required)\b"
OWN = "    jwt_secret: SecretStr\n"
FORGOTTEN = """\
The settings are not valid; .env.example lists all.
JWT_SECRET: Field required
"""


@pytest.fixture
def service(render: Callable[..., Path], environment: Environment, tmp_path: Path) -> Path:
    folder = Path(shutil.copytree(render(), tmp_path / "my-service"))
    shutil.copy2(environment.lock, folder)
    add_below_the_mark(folder / "app/core/config.py", OWN)
    return folder


def add_below_the_mark(file: Path, text: str) -> None:
    before, mark, after = file.read_text().partition(MARK)
    assert mark
    file.write_text(f"{before}{mark}{text}{after}")


def test_a_required_setting_is_asked_for_where_it_is_missing(
    service: Path, environment: Environment
) -> None:
    example = "tests/core/test_config.py::test_every_setting_is_in_the_example_env_file"
    pytest_ = str(environment.folder / "bin/pytest")

    without = environment.run(service, pytest_, "-q", example, check=False).stdout
    (service / "tests/settings.env").write_text("JWT_SECRET=for-the-tests\n")
    undocumented = environment.run(service, pytest_, "-q", example, check=False).stdout
    add_below_the_mark(service / ".env.example", "# Signs the tokens.\n# JWT_SECRET=\n")
    files = ("tests/core/test_config.py", "tests/test_main.py")
    whole = environment.run(service, pytest_, "-q", *files, check=False).stdout

    assert FORGOTTEN in without
    assert "Traceback" not in without
    assert "Add to .env.example: JWT_SECRET" in undocumented
    assert "failed" not in whole
    assert "passed" in whole


def test_a_process_without_a_setting_ends_with_a_sentence(
    service: Path, environment: Environment
) -> None:
    python = str(environment.folder / "bin/python")
    with_url = ("env", "POSTGRES_URL=postgresql:///none", python, "-m")

    for command in (("uvicorn", "app.main:app"), ("alembic", "upgrade", "head")):
        said = environment.run(service, *with_url, *command, check=False).stdout
        assert said == FORGOTTEN


def test_the_page_of_settings_is_written_and_kept_current(
    service: Path, environment: Environment
) -> None:
    (service / "tests/settings.env").write_text("JWT_SECRET=for-the-tests\n")
    (service / ".env").write_text("JWT_SECRET=mine\nPOSTGRES_URL=postgresql:///none\n")
    add_below_the_mark(service / ".env.example", "# Signs the tokens.\n# JWT_SECRET=\n")
    pytest_ = str(environment.folder / "bin/pytest")

    environment.run(service, "make", "settings")
    page = (service / "docs/settings.md").read_text()
    current = environment.run(service, pytest_, "-q", "tests/test_settings_page.py").stdout
    add_below_the_mark(service / "app/core/config.py", '    region: str = "eu"\n')
    add_below_the_mark(service / ".env.example", "# Where it runs.\n# REGION=eu\n")
    old = environment.run(service, pytest_, "-q", "tests/test_settings_page.py", check=False).stdout

    assert "| `JWT_SECRET` | secret | required | Signs the tokens. |\n" in page
    assert "| `BODY_TIMEOUT_SECONDS` | seconds | `30` | Bodies that take longer to arrive" in page
    assert "| `POSTGRES_REPLICA_URL` | secret |  | The database for reads." in page
    assert "mine" not in page
    assert "2 passed" in current
    assert "Write docs/settings.md anew: make settings" in old


def test_each_setting_has_a_sentence_of_its_own_that_says_when_to_change_it(
    render: Callable[..., Path], environment: Environment, tmp_path: Path
) -> None:
    service = Path(shutil.copytree(render(), tmp_path / "a-copy"))
    code = "from dev import settings_page; print(settings_page.page())"
    python = str(environment.folder / "bin/python")

    page = environment.run(service, "env", "POSTGRES_URL=postgresql:///none", python, "-c", code)
    rows = re.findall(r"^\| `(\w+)` \| .* \| (.+) \|$", page.stdout, re.MULTILINE)

    told = dict(rows)
    assert len(told) > 25
    assert [name for name, text in rows if list(told.values()).count(text) > 1] == []
    assert [name for name, text in rows if not re.search(WHEN, text)] == []
