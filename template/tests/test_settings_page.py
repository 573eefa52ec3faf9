from pathlib import Path

from dev import settings_page

ROOT = Path(__file__).parents[1]


def test_the_page_tells_what_each_setting_does() -> None:
    told = settings_page.sentences()

    silent = [variable for variable in settings_page.fields() if not told.get(variable)]
    assert not silent, f"Say above its line in .env.example what it does: {', '.join(silent)}"


def test_a_page_that_was_written_is_current() -> None:
    pages = [page.read_text() for page in (ROOT / "docs").glob("settings.md")]

    assert pages in ([], [settings_page.page()]), "Write docs/settings.md anew: make settings"
