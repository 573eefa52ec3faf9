"""Makes the captures anew: texts, their pictures, the blocks of documents, the fleet's page.

uv run python -m docs.captures
"""

import re
from pathlib import Path
from tempfile import TemporaryDirectory

from docs.captures import stories, terminal
from docs.captures.page import screenshot
from tests.support.services import ROOT

FOLDER = Path(__file__).parent
PICTURES = {"demo": "make demo", "resource": "make resource"}
"""The texts that are shown as pictures, and their titles."""
DOCUMENTS = ("README.md", "docs/fleet.md")
BLOCK = re.compile(r"(<!-- capture: ([\w-]+) -->\n```console\n).*?(```)", re.DOTALL)


def filled(document: str, texts: dict[str, str]) -> str:
    """The document with each of its captures as the texts have them."""
    return BLOCK.sub(lambda match: f"{match[1]}{texts[match[2]]}{match[3]}", document)


def recorded() -> dict[str, str]:
    """The texts as they are committed."""
    return {file.stem: file.read_text() for file in sorted(FOLDER.glob("*.txt"))}


def main() -> None:
    with TemporaryDirectory() as folder:
        texts = {"demo": stories.demo(Path(folder, "demo"))}
        texts |= {"resource": stories.resource(Path(folder, "resource"))}
        texts |= stories.fleet(Path(folder, "fleet"))
    for name, text in texts.items():
        (FOLDER / f"{name}.txt").write_text(text)
    for name, title in PICTURES.items():
        (FOLDER / f"{name}.svg").write_text(terminal.svg(texts[name], title))
    for document in DOCUMENTS:
        file = ROOT / document
        file.write_text(filled(file.read_text(), texts))
    (FOLDER / "fleet-page.png").write_bytes(screenshot())


if __name__ == "__main__":
    main()
