"""A field is added to a resource by a second run: edits are kept, and conflicts are told."""

import shutil
from importlib.metadata import version

import pytest

from fleet.errors import FleetError
from fleet.resource.changing import Changed, change
from fleet.resource.kept import keeping, path_of
from fleet.resource.project import Project
from fleet.resource.record import RECORD, recorded
from fleet.resource.writing import write
from fleet.resource.written import routes_tests, service
from tests.resource.conftest import Command
from tests.resource.specifications import Asked, add

FIELDS = "number:str(20) unique, status:enum(draft,placed)=draft index, of:ref(lamps)?"
MORE = f"{FIELDS}, note:text?, colour:enum(red,blue)=red"


@pytest.fixture
def lamps(project: Project) -> Project:
    """A service with lamps."""
    add(project, Asked("lamp", FIELDS))
    return project


def changed(project: Project, fields: str) -> Changed:
    fresh = Project(project.folder)
    found = change(fresh, "lamp", recorded(fresh)["lamp"], fields)
    write(fresh, found.texts)
    return found


def edit(project: Project, path: str, old: str, new: str) -> None:
    text = project.text(path)
    assert text.count(old) == 1
    (project.folder / path).write_text(text.replace(old, new))


def test_what_nobody_has_edited_becomes_what_a_first_run_would_write(
    lamps: Project, service_copy: Project
) -> None:
    paths = add(service_copy, Asked("lamp", MORE))

    found = changed(lamps, MORE)

    assert (found.conflicts, found.left_deleted) == ([], [])
    assert "app/lamps/schemas.py" in found.texts
    assert {path: lamps.text(path) for path in paths} == {
        path: service_copy.text(path) for path in paths
    }


def test_edits_are_kept(lamps: Project) -> None:
    table = '    __tablename__ = "lamp"\n'
    edit(lamps, "app/lamps/models.py", table, f'    """Lights."""\n\n{table}')
    created = "    return await create(session, Lamp, data.model_dump())\n"
    edit(lamps, "app/lamps/service.py", created, f"    check(data)\n{created}")

    found = changed(lamps, MORE)

    models, service = lamps.text("app/lamps/models.py"), lamps.text("app/lamps/service.py")
    assert found.conflicts == []
    assert '    """Lights."""\n' in models
    assert "    note: Mapped[str | None] = mapped_column(Text)\n" in models
    assert "    check(data)\n" in service
    assert "defer(Lamp.note, raiseload=True)" in service


def test_the_same_lines_are_a_conflict(lamps: Project) -> None:
    line = '    of_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("lamp.id"))\n'
    edit(lamps, "app/lamps/models.py", line, "    size: Mapped[int]\n")

    found = changed(lamps, MORE)

    assert found.conflicts == ["app/lamps/models.py"]
    text = lamps.text("app/lamps/models.py")
    assert "<<<<<<< yours\n    size: Mapped[int]\n" in text
    assert ">>>>>>> make resource\n" in text


def test_what_was_deleted_stays_so(lamps: Project) -> None:
    (lamps.folder / "tests/lamps/test_routes.py").unlink()

    found = changed(lamps, MORE)

    assert found.left_deleted == ["tests/lamps/test_routes.py"]
    assert not (lamps.folder / "tests/lamps/test_routes.py").exists()


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        (
            FIELDS,
            f"lamps are as this version writes them, with '{FIELDS}': give these, and one more.",
        ),
        (f"{FIELDS}, a:int", "Rows that are there have no a: write `?` or a default."),
        ("number:str(20) unique", 'The field "status" is there, and goes by hand alone.'),
        (MORE.replace("20", "30"), '"number" is there already, as another: change it by hand.'),
        *(
            (
                f"{FIELDS}, {added}",
                f"{name} needs an index or a constraint, which a table with rows takes in steps:"
                " docs/migrations.md has them.",
            )
            for name, added in {
                "a": "a:int? index",
                "b": "b:str(9)? unique",
                "c": "c:str(9)? search",
                "d": "d:int(1,9)?",
                "item_id": "item:ref(items)?",
            }.items()
        ),
    ],
)
def test_what_a_table_with_rows_does_not_take_at_once_is_refused(
    lamps: Project, fields: str, sentence: str
) -> None:
    with pytest.raises(FleetError) as found:
        changed(lamps, fields)

    assert str(found.value) == sentence


@pytest.fixture
def mended(monkeypatch: pytest.MonkeyPatch) -> None:
    """A newer generator, which writes another sentence for what is not found."""
    there, mended = "There is no $One_", "Nobody knows a $One_"
    monkeypatch.setattr(service, "TOP", service.TOP.replace(there, mended))
    tests = routes_tests.DELETED.replace(there, mended)
    monkeypatch.setattr(routes_tests, "DELETED", tests)


def test_a_newer_generator_brings_what_it_mends_to_what_an_older_one_wrote(
    lamps: Project, mended: None, resource: Command
) -> None:
    call = "    return await create(session, Lamp, data.model_dump())\n"
    edit(lamps, "app/lamps/service.py", call, f"    check(data)\n{call}")

    first = resource(lamps.folder, "--name", "lamp")
    second = resource(lamps.folder, "--name", "lamp")

    assert first == (
        0,
        "Merged what is new into 2 files of lamps.\n"
        "Read:   git diff, and the migration\nThen:   make migrate format check test\n",
    )
    text = lamps.text("app/lamps/service.py")
    assert 'NotFoundError(f"Nobody knows a lamp {lamp_id}.")' in text
    assert f"    check(data)\n{call}" in text
    assert "Nobody knows a lamp" in lamps.text("tests/lamps/test_routes.py")
    sentence = f"lamps are as this version writes them, with '{FIELDS}'"
    assert second == (1, f"fleet: {sentence}: give these, and one more.\n")


def test_what_a_newer_generator_mends_and_somebody_edited_is_a_conflict(
    lamps: Project, mended: None, resource: Command
) -> None:
    edit(lamps, "app/lamps/service.py", "There is no lamp", "Where is the lamp")

    code, said = resource(lamps.folder, "--name", "lamp", "--fields", FIELDS)

    assert code == 2
    assert "app/lamps/service.py: changed here and by this, in the same lines\n" in said
    assert "<<<<<<< yours\n" in lamps.text("app/lamps/service.py")


def test_a_field_is_added_where_nobody_kept_what_was_written(lamps: Project, mended: None) -> None:
    (lamps.folder / path_of("lamp")).unlink()

    found = changed(lamps, MORE)

    assert found.conflicts == []
    assert "note: Mapped[str | None]" in lamps.text("app/lamps/models.py")
    assert "There is no lamp" in lamps.text("app/lamps/service.py")


@pytest.mark.parametrize(
    "content",
    [b"", b"PK", bytes(1000), keeping({"a": "b"})[:-30], keeping({"a": "b" * 2**23})],
    ids=["empty", "two letters", "zeros", "cut off", "large"],
)
def test_a_file_of_what_was_written_that_is_not_valid_is_a_sentence(
    lamps: Project, content: bytes
) -> None:
    (lamps.folder / path_of("lamp")).write_bytes(content)

    with pytest.raises(FleetError, match=r"^\.template-resources/lamp\.zip cannot be read: "):
        changed(lamps, MORE)


def test_a_resource_that_was_removed_can_be_written_again(
    lamps: Project, resource: Command
) -> None:
    for folder in ("app/lamps", "tests/lamps"):
        shutil.rmtree(lamps.folder / folder)
    api = lamps.folder / "app/api.py"
    kept = [line for line in api.read_text().splitlines() if "lamps" not in line]
    api.write_text("\n".join([*kept, ""]))

    code, said = resource(lamps.folder, "--name", "lamp", "--fields", "a:int", "--dry-run")

    assert (code, "# app/lamps/models.py\n" in said) == (0, True)


def test_the_place_of_a_resource_does_not_change(lamps: Project, resource: Command) -> None:
    code, said = resource(lamps.folder, "--name", "lamp", "--fields", MORE, "--plural", "lights")

    assert (code, said) == (1, "fleet: lamp is there already: only fields can be added to it.\n")


def test_the_record_has_what_was_asked_for(lamps: Project) -> None:
    add(lamps, Asked("person", 'name:str(9)="a b"'))
    add(lamps, Asked("child", "size:int", under="people", sort="-size", without="etag"))

    found = recorded(Project(lamps.folder))

    assert {name: each.model_dump(exclude_defaults=True) for name, each in found.items()} == {
        "child": {
            "fields": "size:int", "plural": "children", "under": "people", "sort": "-size",
            "without": "etag", "version": version("fastapi-postgres-template"),
        },
        "lamp": {
            "fields": FIELDS, "plural": "lamps", "version": version("fastapi-postgres-template"),
        },
        "person": {
            "fields": 'name:str(9)="a b"', "plural": "people",
            "version": version("fastapi-postgres-template"),
        },
    }  # fmt: skip
    assert lamps.text(RECORD).startswith("# What `make resource` wrote")


def test_a_record_that_is_not_valid_is_a_sentence(lamps: Project) -> None:
    (lamps.folder / RECORD).write_text("[lamp]\nfields = 1\n")

    with pytest.raises(FleetError, match=r"\.template-resources\.toml, \[lamp\]"):
        recorded(lamps)
