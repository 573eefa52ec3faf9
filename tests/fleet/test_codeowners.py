"""Who owns a service, by CODEOWNERS of GitHub and GitLab."""

from pathlib import Path

import pytest

from fleet.codeowners import owners, owners_of
from fleet.service import open_service
from tests.fleet.toys import Toy
from tests.support import services

SECTIONS = """
[Docs] @writers
docs/
[Code][2] @coders @ada
/lamps/
^[Optional]
* @watchers
"""


@pytest.mark.parametrize(
    ("text", "path", "named"),
    [
        ("* @acme/all", "anything", ["@acme/all"]),
        ("* @a\n* @b ada@example.org", "anything", ["@b", "ada@example.org"]),
        ("* @a\n*.py @b\n/docs/ @c\n# * @d", "anything", ["@a"]),
        ("* @a # @b\n", "anything", ["@a"]),
        ("* @a\n/lamps/ @b\n", "lamps/anything", ["@b"]),
        ("* @a\n/lamps/\n", "lamps/anything", []),
        ("/my\\ lamps/ @a", "my lamps/anything", ["@a"]),
        (SECTIONS, "lamps/anything", ["@coders", "@ada", "@watchers"]),
        ("! @a\n[z-a]*** @b", "anything", []),
        ("", "anything", []),
    ],
)
def test_the_last_pattern_that_matches_names_the_owners(
    text: str, path: str, named: list[str]
) -> None:
    assert owners_of(path, text) == named


def test_a_service_in_a_folder_has_the_owners_of_its_folder(toy: Toy, tmp_path: Path) -> None:
    service = toy.service(tmp_path / "mono/lamps")
    (tmp_path / "mono/CODEOWNERS").write_text("* @nobody\n")
    (tmp_path / "mono/.github").mkdir()
    (tmp_path / "mono/.github/CODEOWNERS").write_text("* @all\n/lamps/ @light\n")
    services.commit(tmp_path / "mono", "Start")

    with open_service(service) as opened:
        assert owners(opened.repository) == ["@light"]


@pytest.mark.parametrize("how", ["a link", "too large", "not there"])
def test_a_file_that_is_not_read_names_nobody(lamps: Path, tmp_path: Path, how: str) -> None:
    secret, file = tmp_path / "secret", lamps / "CODEOWNERS"
    secret.write_text("* @secret\n")
    if how == "a link":
        file.symlink_to(secret)
    if how == "too large":
        file.write_text("* @all\n" + "#" * (1 << 20))
    services.commit(lamps, "Own it")

    with open_service(lamps) as opened:
        assert owners(opened.repository) == []
