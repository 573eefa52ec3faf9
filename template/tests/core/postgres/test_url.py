import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from app.core.config import Settings
from app.core.postgres.url import CHOICES, HONOURED, REPLACED, UNCHANGED, normalize


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgres://platform/app", "postgresql://platform/app"),
        ("postgresql+asyncpg://localhost/app", "postgresql://localhost/app"),
        ("postgresql://", "postgresql://"),
        ("postgresql:///app?host=/run/pg", "postgresql:///app?host=%2Frun%2Fpg"),
        ("postgresql://u@h1:1,[::1]:2,h3/app", "postgresql://u@h1:1,[::1]:2,h3/app"),
        ("postgresql://u:p[x#y?z@h/app", "postgresql://u:p%5Bx%23y%3Fz@h/app"),
        ("postgresql://u:s3\u2100t@h/app", "postgresql://u:s3%E2%84%80t@h/app"),
        ("postgresql://u:a%2Fb@h/my%20app", "postgresql://u:a%2Fb@h/my%20app"),
        ("postgresql://h/a?sslmode=require", "postgresql://h/a?sslmode=require"),
        ("postgresql://h/a?channel_binding=prefer&keepalives=1", "postgresql://h/a"),
        ("postgresql://h/a?sslmode=", "postgresql://h/a"),
        (
            "postgresql://h/a?target_session_attrs=read-write",
            "postgresql://h/a?target_session_attrs=read-write",
        ),
        (
            "postgresql://h/a?options=-c%20geqo%3Doff",
            "postgresql://h/a?options=-c%20geqo%3Doff",
        ),
    ],
)
def test_a_url_of_libpq_becomes_one_that_asyncpg_reads_alike(url: str, expected: str) -> None:
    assert normalize(url) == expected


SENTENCES = {
    "mysql://u:hunter2@h/a": "A Postgres URL starts with postgresql:// (or postgres://).",
    "postgresql://u:hunter2@h:54a/a": "The host of the Postgres URL is not valid",
    "postgresql://u:hunter2@h:99999/a": "The host of the Postgres URL is not valid",
    "postgresql://u:hunter2@h:0/a": "The host of the Postgres URL is not valid",
    "postgresql://u:hunter2@[::1/a": "The host of the Postgres URL is not valid",
    "postgresql://u:hunter2@h,,h2/a": "The host of the Postgres URL is not valid",
    "postgresql://u:hunter2@h\u2100st/a": "The host of the Postgres URL is not valid",
    "postgresql://u:hunter2@/a?host=h,": "The parameter host of the Postgres URL must not name an",
    "postgresql://u:/?hunter2=x@h/a": "The query of the Postgres URL is not valid",
    "postgresql://u:hunter2@x@h/a": "The host of the Postgres URL is not valid",
    "postgresql://u:hunter2%zz@h/a": "The password of the Postgres URL is not percent-encoded",
    "postgresql://u:hunter2%00@h/a": "The password of the Postgres URL is not percent-encoded",
    "postgresql://u:hunter2%ff@h/a": "The password of the Postgres URL is not UTF-8.",
    "postgresql://u:hunter2\udc80@h/a": "The password of the Postgres URL is not UTF-8.",
    "postgresql://u:hunter2@h/a?sslmode": "The query of the Postgres URL is not valid",
    "postgresql://u:hunter2@h/a?sslmode=yes": "The parameter sslmode of the Postgres URL can only",
    "postgresql://u:hunter2@h/a?port=x": "The parameter port of the Postgres URL must be a number.",
    "postgresql://u:hunter2@h/a?channel_binding=require": (
        "The parameter channel_binding of the Postgres URL can only be disable, prefer."
    ),
    "postgresql://u:hunter2@h/a?require_auth=md5": (
        "The parameter require_auth of the Postgres URL is not supported: remove it."
    ),
    "postgresql://u:hunter2@h/a?pgbouncer=true": (
        "The parameter pgbouncer of the Postgres URL is not supported: remove it."
    ),
}


@pytest.mark.parametrize(("url", "sentence"), SENTENCES.items())
def test_what_cannot_be_honoured_is_refused_at_start_without_the_password(
    url: str, sentence: str
) -> None:
    with pytest.raises(ValidationError) as error:
        Settings(postgres_url=url)

    assert sentence in str(error.value)
    assert "hunter2" not in f"{error.value} {error.value!r}"
    assert error.value.__cause__ is None


def test_each_parameter_is_treated_in_one_way() -> None:
    treated = [*HONOURED, *UNCHANGED, *REPLACED]

    assert len(treated) == len(set(treated))
    assert set(CHOICES) <= set(treated)


def test_the_table_of_parameters_is_what_happens() -> None:
    table = (Path(__file__).parents[3] / "docs" / "postgres-url.md").read_text()
    rows = re.findall(r"^\| (`.+?) \| (.+) \|$", table, re.MULTILINE)
    told = {name: what for names, what in rows for name in re.findall(r"`(\w+)`", names)}

    refused = {name for name, what in told.items() if what == "refused"}
    assert {name for name, what in told.items() if "else is refused" in what} == set(UNCHANGED)
    assert told.keys() - refused == {*HONOURED, *UNCHANGED, *REPLACED}
    for name in UNCHANGED:
        for value in filter(str.isascii, re.findall(r"`(\S+)`", told[name])):
            assert normalize(f"postgresql://h/a?{name}={value}") == "postgresql://h/a"
    for name in refused:
        with pytest.raises(ValueError, match=f"The parameter {name} of .* is not supported"):
            normalize(f"postgresql://h/a?{name}=x")
