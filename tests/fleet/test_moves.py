"""moves.toml is read strictly, and refused with a sentence."""

import pytest

from fleet.errors import FleetError
from fleet.rewriting.moves import Moves

HERE = "releases/next/moves.toml"


def test_what_moved_is_read() -> None:
    text = """
    seeds = ["hooks.py"]
    dropped_lines = { "a.py" = ["import b"] }
    [modules]
    "a.b" = "a.c"
    [files]
    "a/b.py" = "a/c.py"
    [below."tests/".removed]
    "t.x" = "it was nothing."
    """

    moves = Moves.parse(text, HERE)

    assert moves.model_dump(exclude_defaults=True) == {
        "seeds": ["hooks.py"],
        "dropped_lines": {"a.py": ["import b"]},
        "modules": {"a.b": "a.c"},
        "files": {"a/b.py": "a/c.py"},
        "below": {"tests/": {"removed": {"t.x": "it was nothing."}}},
    }


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[modules", "is not valid TOML: "),
        ("[moved]", "is not valid: unknown key moved. Top-level keys: modules, names, "),
        ('[below."tests/"]\nfiles = 1', "is not valid: unknown key below, tests/, files."),
        ('[modules]\n"a" = 1', "is not valid: modules, a is 1. Input should be a valid string."),
        (
            '[modules]\n"a" = "b c"',
            "is not valid: modules, a is 'b c'. String should match pattern",
        ),
        ('[removed]\n"a" = ""', "is not valid: removed, a is ''. String should have at least 1"),
        ('[files]\n"a" = "/b"', "is not valid: files, a is '/b'. String should match pattern"),
        ('[modules]\n"a" = "a"', "is not valid: a moves to itself."),
        ('[names]\na = "b.c"', "is not valid: a in names has no module: write module.name."),
        (
            '[modules]\n"a.b" = "c"\n[removed]\n"a.b" = "gone."',
            "is not valid: a.b is in modules and in removed.",
        ),
        (
            '[files]\n"a" = "c"\n[removed_files]\n"a" = "gone."',
            "is not valid: a is in files and in removed_files.",
        ),
    ],
)
def test_a_mistake_is_refused_with_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(FleetError) as refused:
        Moves.parse(text, HERE)

    assert str(refused.value).startswith(f"{HERE} {sentence}")
