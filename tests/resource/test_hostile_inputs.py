"""What is hostile or broken is answered by a sentence, and not a byte of the service changes."""

import keyword
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import BaseModel

from fleet.errors import FleetError
from fleet.resource.kept import FOLDER
from fleet.resource.project import Project
from fleet.resource.reading import read
from fleet.resource.record import RECORD, Recorded
from fleet.resource.words import LOCAL, MODULES
from tests.resource.conftest import Command
from tests.resource.specifications import WALK, Asked, add
from tests.resource.test_mistakes import FIELDS, GRAMMAR, TYPES
from tests.resource.test_refusals import NAMES

ODD = ("", " ", "a b", "a-b", "a.b", "A", "1a", "_a", "a_", "a__b", "größe", "名前", "\u202ea",
       "\u0430", "\uff41", "a\0", "a\n", "../a", "/a", "a/b", "$a", "{a}", "a;b", '"a"', "`a`",
       "a" * 64, "a" * 5000, "a\ud800", "%s", "\x1b[31m")  # fmt: skip
"""Neither names of resources nor of fields."""
PYDANTIC = sorted(name for name in dir(BaseModel) if name.isidentifier() and name[0] != "_")
MANY = ", ".join(f"field_{number}:int index" for number in range(50))
LONG = "a" * 41
MORE = [
    *({"name": word} for word in keyword.kwlist),
    *({"name": "lamp", "fields": f"{word}:int"} for word in keyword.kwlist),
    *({"name": word} for word in sorted(LOCAL)),
    *({"name": "lamp", "fields": f"{word}:int"} for word in sorted(MODULES)),
    *({"name": "lamp", "fields": f"{word}:int"} for word in PYDANTIC),
    *({"name": word} for word in ODD),
    *({"name": "lamp", "plural": word} for word in ODD if word),
    *({"name": "lamp", "under": word} for word in ODD if word),
    *({"name": "lamp", "fields": f"{word}:int"} for word in ODD),
    *({"name": "lamp", "sort": word} for word in ODD if word),
    *({"name": "lamp", "without": word} for word in ODD if word.strip()),
    {"name": "lamp", "fields": MANY},
    {"name": "lamp", "fields": ", ".join(f"a{number}:int" for number in range(101))},
    {"name": "lamp", "fields": f"{LONG}:int index"},
    {"name": LONG, "fields": f"{LONG}:ref(items)"},
    # A cycle: customers are there, and orders refer to them.
    {"name": "customer", "fields": f"{WALK[0].fields}, order:ref(orders)?"},
    {"name": "lamp", "fields": "a:ref(lamps)"},
    {"name": "lamp", "fields": "a:ref(buses)"},
    {"name": "lamp", "under": "order_lines"},
    {"name": "lamp", "plural": "orders"},
    {"name": "order_line", "plural": "lines"},
    {"name": "lamp", "plural": "order_lines"},
]


@pytest.fixture
def filled(project: Project) -> Project:
    for asked in WALK:
        add(project, asked)
    return project


def everything(folder: Path) -> dict[str, bytes]:
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path): path.read_bytes() for path in paths}


def test_three_hundred_hostile_inputs_change_not_a_byte(filled: Project) -> None:
    """Each is told by a sentence."""
    texts = [{"name": "lamp", "fields": text} for text, _, _ in (*GRAMMAR, *TYPES, *FIELDS)]
    inputs = [*texts, *(given for given, _ in NAMES), *MORE]
    before = everything(filled.folder)

    sentences = []
    for given in inputs:
        with pytest.raises(FleetError) as found:
            ask(filled, **given)
        sentences.append(str(found.value))

    assert len(inputs) >= 300
    assert [each for each in sentences if not re.fullmatch(r".+[.?)]", each, re.DOTALL)] == []
    assert everything(filled.folder) == before


def ask(project: Project, *, name: str, fields: str = "a:int", **asked: str) -> None:
    """What the command does before it writes."""
    read(project, name, Recorded(fields=fields, **asked))


def broken(path: str, text: str) -> Callable[[Path], object]:
    return lambda folder: (folder / path).write_text(text)


def half_written(folder: Path) -> None:
    (folder / "app/lamps").mkdir()
    (folder / "app/lamps/models.py").write_text("class Lamp(")


def binary(folder: Path) -> None:
    (folder / "app/orders/models.py").write_bytes(b"\xff\xfe")


def unwritable(folder: Path) -> None:
    """As a folder on a disk that is read-only; root writes where the mode forbids it."""
    (folder / FOLDER).rename(folder / "elsewhere")
    (folder / FOLDER).write_text("")


def without_a_database(folder: Path) -> None:
    (folder / "Makefile").write_text("migration:\n\t@echo Connection refused.; exit 1\n")


FAULTS = {
    "fleet: app/lamps is there already, and nothing is overwritten.": half_written,
    "fleet: app/api.py is not valid Python: line 2.": broken(
        "app/api.py", "\nrouter = APIRouter()(\n"
    ),
    "fleet: app/api.py has no `router = APIRouter()`, which a resource needs: run ": broken(
        "app/api.py", "pass"
    ),
    "fleet: app/customers/models.py is not valid Python: line 1.": broken(
        "app/customers/models.py", "__tablename__ = ("
    ),
    "fleet: .copier-answers.yml is not valid YAML.": broken(".copier-answers.yml", "a: [\n"),
    f"{RECORD} is not valid TOML: ": broken(RECORD, "["),
    "app/orders/models.py cannot be read: ": binary,
    "cannot be written: ": unwritable,
    "The migration could not be written, for the reason above. Nothing was changed.": (
        without_a_database
    ),
}


@pytest.mark.parametrize("sentence", FAULTS, ids=[each[:50] for each in FAULTS])
def test_a_service_that_is_broken_is_left_as_it_is(
    filled: Project, resource: Command, sentence: str
) -> None:
    FAULTS[sentence](filled.folder)
    before = everything(filled.folder)
    folders = set(filled.folder.rglob("*"))

    code, said = resource(
        filled.folder, "--name", "lamp", "--fields", "size:int, of:ref(customers)"
    )

    assert code
    assert sentence in said.strip().splitlines()[-1]
    assert everything(filled.folder) == before
    assert set(filled.folder.rglob("*")) == folders


def test_a_field_without_a_database_is_not_added(filled: Project, resource: Command) -> None:
    without_a_database(filled.folder)
    before = everything(filled.folder)
    fields = f"{WALK[0].fields}, colour:text?"

    code, said = resource(filled.folder, "--name", "customer", "--fields", fields)

    assert code
    assert said.startswith("Connection refused.\n")
    assert everything(filled.folder) == before


def test_the_name_of_a_resource_may_be_a_word_of_sql(project: Project) -> None:
    for name in ("order", "user", "group", "grant", "window", "analysis"):
        assert f"app/{Asked(name, '').many}/models.py" in add(project, Asked(name, "size:int"))
