"""What documents show is what happens: captures of terminals, and the picture of a page."""

import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from docs.captures import page, stories, terminal
from docs.captures.__main__ import BLOCK, DOCUMENTS, FOLDER, PICTURES, filled, recorded
from tests.support.markdown import blocks
from tests.support.services import ROOT

PNG = FOLDER / "fleet-page.png"


def size(png: bytes) -> tuple[int, int]:
    """Width and height, as the first chunk of a PNG has them."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", png[16:24])
    return width, height


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_of_a_terminal_is_that_of_its_text(name: str) -> None:
    drawn = terminal.svg(recorded()[name], PICTURES[name])

    assert (FOLDER / f"{name}.svg").read_text() == drawn


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_document_shows_the_captures_as_they_were_recorded(document: str) -> None:
    text = (ROOT / document).read_text()

    assert text == filled(text, recorded())


def test_every_capture_is_shown() -> None:
    texts = [(ROOT / document).read_text() for document in DOCUMENTS]

    blocks = {match[2] for text in texts for match in BLOCK.finditer(text)}
    pictures = {name for name in PICTURES if any(f"captures/{name}.svg" in text for text in texts)}

    assert blocks | pictures == set(recorded())


def test_the_readme_of_a_service_shows_the_first_part_of_the_demo(
    render: Callable[..., Path],
) -> None:
    shown, _ = blocks((render() / "README.md").read_text(), "console")

    assert recorded()["demo"].replace("make demo", "make dev").startswith(f"{shown}\n$ curl")


def test_a_picture_loads_nothing() -> None:
    for picture in FOLDER.glob("*.svg"):
        text = picture.read_text().replace('xmlns="http://www.w3.org/2000/svg"', "")

        assert "http" not in text.replace("http://127.0.0.1", "")
        assert "url(#" in text


def test_what_differs_between_two_runs_is_made_the_same() -> None:
    one = terminal.same('"id": "0bad3dfb-6d6c-4a53-a5f8-0a1f1d9f9a3e" 2026-01-02T03:04:05.678901Z')
    other = terminal.same(
        '"id": "99999999-6d6c-4a53-a5f8-0a1f1d9f9a3e" 2027-01-02T03:04:05.600000Z'
    )

    assert one == other == f'"id": "{terminal.UUID}" {terminal.MOMENT}'


@pytest.mark.slow
def test_make_demo_still_does_what_its_picture_shows(tmp_path: Path) -> None:
    assert stories.demo(tmp_path) == recorded()["demo"]


@pytest.mark.slow
def test_make_resource_still_does_what_its_picture_shows(tmp_path: Path) -> None:
    assert stories.resource(tmp_path) == recorded()["resource"]


@pytest.mark.slow
def test_fleet_still_prints_what_its_guide_shows(tmp_path: Path) -> None:
    printed = stories.fleet(tmp_path)

    others = {name: text for name, text in recorded().items() if name not in PICTURES}
    assert printed == others


def test_the_picture_of_the_page_is_small_enough_for_a_repository() -> None:
    png = PNG.read_bytes()

    assert size(png) == (page.WIDTH, page.HEIGHT)
    assert len(png) <= 200_000


@pytest.mark.system
def test_the_page_can_be_pictured() -> None:
    png = page.screenshot()

    assert size(png) == (page.WIDTH, page.HEIGHT)
    assert 0.5 < len(png) / PNG.stat().st_size < 2
