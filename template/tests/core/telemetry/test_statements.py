import pytest

from app.core.database import Base
from app.core.telemetry.statements import summarize
from tests.things import Thing


@pytest.mark.parametrize(
    ("statement", "summary"),
    [
        ("SELECT thing.id FROM thing WHERE thing.name = $1", "SELECT thing"),
        ("select id from only thing", "SELECT thing"),
        ('INSERT INTO "thing" (name) VALUES ($1) RETURNING id', "INSERT thing"),
        ("UPDATE thing SET name = $1", "UPDATE thing"),
        ("DELETE FROM thing USING secret", "DELETE thing"),
        ("SELECT 1 FROM thing JOIN thing AS parent ON true FOR UPDATE OF thing", "SELECT thing"),
        ("\n  WITH found AS (SELECT 1 FROM thing) SELECT * FROM found", "WITH thing"),
        ("SELECT 'password FROM hunter2'", "SELECT"),
        ("SELECT * FROM hunter2", "SELECT"),
        ("/* hunter2 */ SELECT 1", "postgresql"),
        ("hunter2", "postgresql"),
        ("", "postgresql"),
    ],
)
def test_a_statement_is_named_by_words_that_the_code_knows(
    statement: str, summary: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Base, "metadata", Thing.metadata)

    assert summarize(statement).text == summary


def test_a_statement_of_a_megabyte_takes_no_longer_than_its_length_needs() -> None:
    assert summarize("SELECT 1 FROM " + "(" * 1_000_000 + " FROM " * 10_000).text == "SELECT"
