"""A folder with a report for each day, and the adoption of releases that it tells."""

import json
from datetime import date, timedelta
from pathlib import Path

import pytest

from fleet import history
from fleet.errors import FleetError
from fleet.history import Adoption, adoption, keep
from fleet.output import as_json
from fleet.status import Status
from tests.fleet.conftest import Fleet

BEGAN = date(2026, 6, 29)


def write(folder: Path, day: date, *releases: str | None) -> None:
    fleet = [Status(path="a", name="a", release=release) for release in releases]
    fleet.append(Status(path="b", name="b", error="It cannot be read."))
    keep(folder, day, as_json(day, fleet))


def test_services_are_counted_by_release_and_day_the_newest_first(tmp_path: Path) -> None:
    write(tmp_path, BEGAN, "v1.9.0", "v1.9.0", None)
    write(tmp_path, BEGAN + timedelta(days=2), "v1.9.0", "v1.10.0", "odd")
    (tmp_path / "notes.txt").write_text("Not a day.")

    told = adoption(tmp_path)

    assert list(told.counts) == ["v1.10.0", "v1.9.0", "odd", "no release", "unreadable"]
    assert told == Adoption(
        [BEGAN, BEGAN + timedelta(days=2)],
        {
            "v1.10.0": [0, 1],
            "v1.9.0": [2, 1],
            "odd": [0, 1],
            "no release": [1, 0],
            "unreadable": [1, 1],
        },
    )


def test_old_releases_are_counted_together(tmp_path: Path) -> None:
    write(tmp_path, BEGAN, *(f"v1.{minor}.0" for minor in range(8)))

    told = adoption(tmp_path).counts

    assert list(told) == [*(f"v1.{minor}.0" for minor in (7, 6, 5, 4, 3)), "older", "unreadable"]
    assert told["older"] == [3]


def test_of_many_days_evenly_many_are_charted_with_the_last_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "MOST_DAYS", 3)
    for number in range(7):
        write(tmp_path, BEGAN + timedelta(days=number), "v1.0.0")

    assert adoption(tmp_path).days == [BEGAN + timedelta(days=number) for number in (0, 3, 6)]


def test_a_second_report_of_a_day_replaces_the_first(tmp_path: Path) -> None:
    write(tmp_path, BEGAN, "v1.0.0")
    write(tmp_path, BEGAN, "v2.0.0")

    assert adoption(tmp_path).counts == {"v2.0.0": [1], "unreadable": [1]}
    assert [file.name for file in tmp_path.iterdir()] == [f"{BEGAN}.json"]


@pytest.mark.parametrize("text", ["{", "[]", '{"services": [{"path": "a"}]}', "\udcff"])
def test_a_file_that_is_no_report_is_named(tmp_path: Path, text: str) -> None:
    file = tmp_path / "2026-06-29.json"
    file.write_text(text, errors="surrogateescape")

    with pytest.raises(FleetError) as error:
        adoption(tmp_path)

    assert str(error.value) == (
        f"{file} was not written by `fleet status --history`: move it away."
    )


def test_a_day_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "2026-13-45.json").write_text("{}")

    with pytest.raises(FleetError) as error:
        adoption(tmp_path)

    assert str(error.value) == f"{tmp_path}/2026-13-45.json has the name of no day."


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(FleetError) as error:
        keep(tmp_path / "file", BEGAN, "{}")

    assert str(error.value) == f"{tmp_path}/file/2026-06-29.json cannot be written: File exists."


@pytest.mark.slow
def test_each_day_has_its_json_and_the_page_a_chart(today: str, fleet: Fleet, lamps: Path) -> None:
    write(lamps / "history", date.fromisoformat(today) - timedelta(days=7), "v0.9.0")

    run = fleet(lamps, "status", ".", "--json", "--history", "history", "--html", "report.html")

    page = (lamps / "report.html").read_text()
    assert json.loads((lamps / f"history/{today}.json").read_text()) == json.loads(run.output)
    assert "Services at each release, 2026-06-23 to 2026-06-30" in page
    assert page.count("<polygon") == 3  # v1.0.0, v0.9.0, unreadable
