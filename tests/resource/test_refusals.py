"""What cannot work is refused by a sentence, before a byte of the service changes."""

import keyword
import random
import shutil
import subprocess
from pathlib import Path

import pytest

from fleet.errors import FleetError
from fleet.resource.project import Project
from fleet.resource.reading import read
from fleet.resource.record import Recorded
from fleet.resource.words import RESERVED
from fleet.resource.writing import files, write
from tests.resource.conftest import Command

NAMES = [
    ({"name": "orders"}, '"orders" looks like a plural: name one of them, or give plural=.'),
    ({"name": "OrderLine"}, 'The name "OrderLine" has to be small letters, digits and single'
     " underscores, and begin with a letter: try order_line."),
    ({"name": ""}, 'The name "" has to be small letters, digits and single underscores,'
     " and begin with a letter."),
    ({"name": "../order"}, 'The name "../order" has to be small letters, digits and single'
     " underscores, and begin with a letter: try order."),
    ({"name": "order line"}, 'The name "order line" has to be small letters, digits and single'
     " underscores, and begin with a letter: try order_line."),
    ({"name": "class"}, 'The name "class" is a word of Python.'),
    ({"name": "list"}, '"list" is what the code calls something else: choose another.'),
    ({"name": "exception"}, '"exception" is what the code calls something else: choose another.'),
    ({"name": "session"}, '"session" is what the code calls something else: choose another.'),
    ({"name": "page"}, '"page" is what the code calls something else: choose another.'),
    ({"name": "lamp", "plural": "core"}, '"core" is what the code calls something else: choose'
     " another."),
    ({"name": "sheep", "plural": "sheep"}, 'The plural of "sheep" must be another word.'),
    ({"name": "item"}, "app/items is there already, and nothing is overwritten."),
    ({"name": "lamp", "plural": "items"}, "app/items is there already, and nothing is"
     " overwritten."),
    ({"name": "item", "plural": "lamps"}, 'A table or type "item" is in app/items/models.py'
     " already."),
    ({"name": "idempotency_key"}, 'A table or type "idempotency_key" is in'
     " app/core/idempotency.py already."),
    ({"name": "lamp", "under": "lamps"}, "There is no app/lamps/models.py: write items."),
    ({"name": "lamp", "under": "item"}, "There is no app/item/models.py: did you mean items?"),
    ({"name": "lamp", "fields": "a:int immutable"}, "There has to be a field that can be changed,"
     " and is no ref to itself."),
    ({"name": "lamp", "fields": "up:ref(lamps)?"}, "There has to be a field that can be changed,"
     " and is no ref to itself."),
    ({"name": "lamp", "fields": "limit:int index"}, 'A list cannot be filtered by "limit", which'
     " means something else."),
    ({"name": "lamp", "fields": "a:str(9) search, a_prefix:int index"}, "A list cannot be filtered"
     ' by "a_prefix", which means something else.'),
    ({"name": "lamp", "fields": ", ".join(f"a{n}:int index" for n in range(9))}, "A list has 8"
     " filters at most, and this has 9."),
    ({"name": "lamp", "fields": "read:enum(a,b)"}, 'Two things would be called "LampRead": choose'
     " another name."),
    ({"name": "lamp", "under": "items", "fields": "item:ref(items)"}, '"item_id" is the parent of'
     " --under: no field can be called that."),
    ({"name": "lamp", "sort": "size"}, 'Lists cannot be sorted by "size": write created_at or a.'),
    ({"name": "lamp", "sort": "-b", "fields": "a:int, b:int?"}, 'Lists cannot be sorted by "b":'
     " write created_at or a."),
    ({"name": "lamp", "sort": "status", "fields": "a:int, status:enum(a,b)"}, "Lists cannot be"
     ' sorted by "status": write created_at or a.'),
    ({"name": "lamp", "sort": "b", "fields": "a:int, b:int secret"}, "Lists cannot be sorted by b,"
     " which is secret."),
    ({"name": "lamp", "sort": "--a"}, 'Lists cannot be sorted by "-a": did you mean a?'),
    ({"name": "lamp", "without": "etags"}, 'A resource cannot be without "etags": did you mean'
     " etag?"),
    ({"name": "by_a", "sort": "a"}, 'Two things would be called "ByA": choose another name.'),
    ({"name": "l" * 46}, f"The name {'l' * 46}_created_at_id_idx would have 64 bytes, and Postgres"
     " keeps 63: choose shorter names."),
    ({"name": "lamp", "fields": f"{'a' * 55}:int"}, f"The name lamp_{'a' * 55}_check would have 66"
     " bytes, and Postgres keeps 63: choose shorter names."),
]  # fmt: skip


@pytest.mark.parametrize(("given", "sentence"), NAMES)
def test_what_cannot_work_is_refused_by_a_sentence(
    plain: Project, given: dict[str, str], sentence: str
) -> None:
    with pytest.raises(FleetError) as found:
        add(plain, **given)

    assert str(found.value) == sentence


def add(project: Project, *, name: str, fields: str = "a:int", **asked: str) -> dict[str, str]:
    return files(project, read(project, name, Recorded(fields=fields, **asked)))


@pytest.mark.parametrize("word", keyword.kwlist)
def test_a_word_of_python_names_nothing(plain: Project, word: str) -> None:
    for given in ({"name": word}, {"name": "lamp", "fields": f"{word}:int"}):
        with pytest.raises(FleetError):
            add(plain, **given)


def test_a_word_of_sql_names_a_resource_and_a_field_unless_it_is_python_s(plain: Project) -> None:
    refused = []
    for word in sorted(RESERVED):
        try:
            read(plain, word, Recorded(fields=f"{word}:int(1,9)"))
        except FleetError as error:
            refused.append(str(error))

    assert len(refused) < len(RESERVED) / 3
    assert [sentence for sentence in refused if "Postgres" in sentence] == []


def test_text_at_random_is_read_or_refused_by_a_sentence(plain: Project) -> None:
    good = 'number:str(20) unique, status:enum(a,b)=a, note:text?, item:ref(items), x:int(1,9)="5"'
    chance = random.Random(1)
    outcomes = set()
    for _ in range(3000):
        text = list(good)
        for _ in range(chance.randrange(1, 5)):
            place = chance.randrange(len(text))
            text[place : place + chance.randrange(3)] = chance.choice(
                [*'(),:?= "\n\0\u202e\ud800é', "unique", "int", "999999999999", "{}", "id"]
            )
        try:
            read(plain, "lamp", Recorded(fields="".join(text)))
            outcomes.add("read")
        except FleetError:
            outcomes.add("refused")

    assert outcomes == {"read", "refused"}


def everything(folder: Path) -> dict[str, tuple[bytes, float]]:
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path): (path.read_bytes(), path.stat().st_mtime) for path in paths}


def test_a_refusal_changes_not_a_byte(project: Project, resource: Command) -> None:
    before = everything(project.folder)

    refused = resource(project.folder, "--name", "lamp", "--fields", "size:in, a:int(1")
    code, shown = resource(project.folder, "--name", "lamp", "--fields", "size:int", "--dry-run")

    sentence = "fleet: The arguments of int end with a parenthesis."
    assert refused == (1, f"size:in, a:int(1\n                ^\n{sentence}\n")
    assert (code, "# app/lamps/models.py\n" in shown) == (0, True)
    assert everything(project.folder) == before


@pytest.mark.parametrize("path", ["app/lamps", "tests/lamps", "app/lamps.py", "tests/lamps.py"])
def test_a_folder_that_is_there_is_not_written_into(project: Project, path: str) -> None:
    (project.folder / path).symlink_to("nowhere")

    with pytest.raises(FleetError) as found:
        add(project, name="lamp")

    assert str(found.value) == f"{path} is there already, and nothing is overwritten."


def test_a_folder_that_is_no_service_is_refused(tmp_path: Path, resource: Command) -> None:
    code, said = resource(tmp_path, "--name", "lamp", "--fields", "size:int")

    assert code == 1
    assert said == f"fleet: {tmp_path} has no .copier-answers.yml: run this in a service.\n"


def test_an_index_of_another_table_is_not_made_again(project: Project) -> None:
    """A list of lamp sizes, and lamps by their size, would have one name for an index."""
    migration = project.folder / "migrations/versions/create_lamp_size.py"
    migration.write_text('op.create_index(op.f("lamp_size_created_at_id_idx"), "other", ["id"])')

    with pytest.raises(FleetError) as found:
        add(project, name="lamp", fields="size:int index")

    assert str(found.value) == (
        "A migration makes lamp_size_created_at_id_idx already: choose another name."
    )


def test_a_column_of_another_table_takes_no_name_of_an_index(project: Project) -> None:
    migration = project.folder / "migrations/versions/create_lamp_size.py"
    migration.write_text('op.create_table("other", sa.Column("lamp_size", sa.Integer()))')

    assert "app/lamps/models.py" in add(project, name="lamp", fields="size:int")


def test_nothing_is_written_through_a_link(project: Project) -> None:
    texts = add(project, name="lamp")
    api = project.folder / "app/api.py"
    api.rename(elsewhere := project.folder.with_name("elsewhere.py"))
    api.symlink_to(elsewhere)
    before = elsewhere.read_text()

    with pytest.raises(FleetError) as found:
        write(project, texts)

    assert str(found.value) == "app/api.py is a link, and nothing is written through it."
    assert (elsewhere.read_text(), (project.folder / "app/lamps").exists()) == (before, False)


def test_nobody_is_asked_without_a_terminal(project: Project, resource: Command) -> None:
    code, said = resource(project.folder, "--name", "lamp")

    assert code == 1
    assert said == "fleet: Give the fields, such as 'number:str(20) unique, note:text?'.\n"


def test_a_service_with_an_older_core_is_told_to_update(project: Project) -> None:
    schemas = project.folder / "app/core/schemas.py"
    schemas.write_text(schemas.read_text().replace("Line = ", "Line_ = "))

    with pytest.raises(FleetError) as found:
        add(project, name="lamp")

    assert str(found.value) == (
        "app/core/schemas.py has no `Line =`, which a resource needs: run `make template-update`."
    )


def test_what_tests_cannot_make_is_referred_to_by_nobody(project: Project) -> None:
    (project.folder / "tests/items/examples.py").unlink()

    with pytest.raises(FleetError) as found:
        add(project, name="lamp", fields="item:ref(items)")

    assert str(found.value) == (
        "tests/items/examples.py has no `async def create_item`: write it as the example has it."
    )


def test_a_file_that_cannot_be_written_leaves_the_service_as_it_was(project: Project) -> None:
    texts = add(project, name="lamp")
    shutil.copytree(project.folder, copy := project.folder.with_name("copy"))
    (project.folder / "tests/lamps").symlink_to("nowhere/at/all")

    with pytest.raises(FleetError):
        write(project, texts)

    (project.folder / "tests/lamps").unlink()
    compared = subprocess.run(["diff", "-r", copy, project.folder], check=False)
    assert compared.returncode == 0
