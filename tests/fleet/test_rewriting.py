"""What moved names become in a file of a service, form by form."""

import textwrap

import pytest

from fleet.rewriting.engine import rewrite
from fleet.rewriting.findings import Left, Rewritten
from fleet.rewriting.moves import Moves
from fleet.rewriting.resolution import Names
from tests.fleet.moved_names import CASES, MOVES

BOOKS = "app/books/routes.py"


def rewritten(before: str, path: str = BOOKS) -> Rewritten:
    content = textwrap.dedent(before).encode()
    return rewrite(content, path, Names([MOVES], path))


@pytest.mark.parametrize(("before", "after"), CASES.values(), ids=CASES)
def test_it_is_rewritten(before: str, after: str) -> None:
    result = rewritten(before)

    assert result.content.decode() == textwrap.dedent(after)
    assert result.left == []
    assert result.changes


LEFT = {
    "everything of a module": (
        "from app.core.errors import *\n",
        Left(1, "`import *`: names of app.core.errors have moved"),
    ),
    "a module named at run time": (
        'import importlib\n\nimportlib.import_module(f"app.core.{x}")\n',
        Left(3, "app.core.... is a name that is built at run time"),
    ),
    "a name put together": (
        'patch("app.core.middleware." + name)\n',
        Left(1, "app.core.middleware.... is a name that is built at run time"),
    ),
    "a name with a gap": (
        'patch("app.core.middleware.{}".format(name))\n',
        Left(1, "app.core.middleware.... is a name that is built at run time"),
    ),
    "an attribute named at run time": (
        "from app.core import errors\n\ngetattr(errors, name)\n",
        Left(3, "which attribute of app.core.errors this is shows at run time"),
    ),
    "an attribute named in a string": (
        'from app.core import errors\n\nmonkeypatch.setattr(errors, "add_error_handlers", f)\n',
        Left(
            3,
            "app.core.errors.add_error_handlers is app.server.error_handlers.add_error_handlers "
            "now; here it is named in a string",
        ),
    ),
    "a path that is bound in another way too": (
        "from app.core import errors\n\nif x:\n    errors = None\nerrors.add_error_handlers(app)\n",
        Left(
            5,
            "app.core.errors.add_error_handlers is app.server.error_handlers.add_error_handlers "
            "now, but errors means other things too",
        ),
    ),
    "a module that is two": (
        "try:\n    from app.core import errors\nexcept ImportError:\n    import errors\n"
        "errors.add_error_handlers(app)\n",
        Left(
            5,
            "app.core.errors.add_error_handlers is app.server.error_handlers.add_error_handlers "
            "now, but errors means other things too",
        ),
    ),
    "names that are taken": (
        "from app.core import errors\n\nerror_handlers = server_error_handlers = 1\n"
        "errors.add_error_handlers(app)\n",
        Left(
            4,
            "app.core.errors.add_error_handlers is app.server.error_handlers.add_error_handlers "
            "now, but errors means other things too",
        ),
    ),
    "a string of two parts that may be anything": (
        'metrics.count("app.health")\n',
        Left(1, "app.health is app.server.health now; here it is named in a string"),
    ),
    "a type in quotes with something around it": (
        'from app.core import errors\n\nx: "list[errors.add_error_handlers]"\n',
        Left(
            3,
            "app.core.errors.add_error_handlers is app.server.error_handlers.add_error_handlers "
            "now; here it is named in a string",
        ),
    ),
    "a name that was removed": (
        "from app.core.collector import collect\n",
        Left(1, "app.core.collector was removed: the lifespan does it."),
    ),
    "a path that was removed": (
        'patch("app.core.collector.gc")\n',
        Left(1, "app.core.collector was removed: the lifespan does it."),
    ),
    "a file with conflict markers": (
        "x = 1\n<<<<<<< HEAD\nfrom app.core.openapi import problems\n",
        Left(3, "the file is not valid Python, so moved names are left in it"),
    ),
    "a file that is nested deeply": (
        "x = " + "-" * 900 + "1\n",
        Left(1, "the file is nested too deeply to be read"),
    ),
}


@pytest.mark.parametrize(("text", "left"), LEFT.values(), ids=LEFT)
def test_it_is_left_and_told(text: str, left: Left) -> None:
    result = rewritten(text)

    assert result == Rewritten(text.encode(), {}, [left])


UNTOUCHED = {
    "names that did not move": "from app.core.errors import AppError\n\nAppError( 'x' )\n",
    "a parameter of that name": (
        "from app.core import errors\n\ndef f(errors):\n    errors.add_error_handlers()\n"
    ),
    "a variable of that name": "problems = 1\napp = x.core.openapi.problems\n",
    "text about it": '"""See app.core.openapi and `app.health`."""\n# app.core.openapi.problems\n',
    "bytes": 'x = b"app.core.openapi"\n',
    "a string with an escape": 'x = "app.core.\\x6fpenapi"\n',
    "what moved below another folder only": "import httpx\n\nhttpx.get()\n",
    "a name that only begins like it": "from app.core.openapis import problems\n",
    "a relative import above the root": "from ....core.openapi import problems\n",
    "a relative import above the root of a name that moved": (
        "from ....app.core.openapi import problems\n"
    ),
    "the same package elsewhere": "from .core.openapi import problems\n",
}


@pytest.mark.parametrize("text", UNTOUCHED.values(), ids=UNTOUCHED)
def test_it_stays_as_it_is(text: str) -> None:
    assert rewritten(text) == Rewritten(text.encode())


def test_what_is_removed_stays_beside_what_has_moved() -> None:
    result = rewritten("from app.core.checks import ALL, warn\n\nALL(warn)\n")

    assert result.content.decode() == (
        "from app.server.revisions import ALL\nfrom app.core.checks import warn\n\nALL(warn)\n"
    )
    assert result.changes == {"app.core.checks": "app.server.revisions"}
    assert result.left == [Left(1, "app.core.checks.warn was removed: nothing warns.")]


def test_a_package_that_is_bound_again_is_left_and_told() -> None:
    result = rewritten("import app.core.checks\n\nold = app.core.checks.ALL\napp = create()\n")

    assert result.content.decode().endswith("\n\nold = app.core.checks.ALL\napp = create()\n")
    assert result.left == [
        Left(3, "app.core.checks is app.server.revisions now, but app means other things too")
    ]


def test_a_rule_for_a_folder_holds_there() -> None:
    before = "import httpx\nfrom httpx import Client\n\nhttpx.get(Client)\n"

    result = rewritten(before, "tests/books/test_routes.py")

    assert result.content.decode() == (
        "import httpx2\nfrom httpx2 import Client\n\nhttpx2.get(Client)\n"
    )
    assert result.changes == {"httpx": "httpx2"}


def test_moves_of_several_releases_follow_each_other() -> None:
    later = Moves.parse(
        """
        [modules]
        "app.core.errors" = "app.core.problems"
        [names]
        "app.server.body_limits.BodyLimits" = "app.server.limits.Limits"
        [removed]
        "app.server.openapi" = "FastAPI does it."
        """,
        "moves.toml",
    )
    text = (
        b"from app.core.openapi import problems, describe\n"
        b"from app.core.middleware import BodyLimits\nfrom app.core.errors import AppError\n"
    )

    result = rewrite(text, BOOKS, Names([MOVES, later], BOOKS))

    assert result.content.decode() == (
        "from app.core.problems import problems\nfrom app.core.openapi import describe\n"
        "from app.server.limits import Limits as BodyLimits\n"
        "from app.core.problems import AppError\n"
    )
    assert result.changes == {
        "app.core.openapi.problems": "app.core.problems.problems",
        "app.core.middleware.BodyLimits": "app.server.limits.Limits",
        "app.core.errors": "app.core.problems",
    }
    assert result.left == [Left(1, "app.core.openapi was removed: FastAPI does it.")]


@pytest.mark.parametrize(
    ("first", "encoding"),
    [("", "utf-8"), ("", "utf-8-sig"), ("# -*- coding: latin-1 -*-\n", "latin-1")],
)
def test_the_encoding_is_kept(first: str, encoding: str) -> None:
    text = f"{first}x = 'Zürich'; from app.core.openapi import problems  # für alle\n"

    result = rewritten_bytes(text.encode(encoding))

    assert result.content == text.replace("core.openapi", "core.errors").encode(encoding)


@pytest.mark.parametrize(
    "content",
    [
        b"# coding: utf-8\nx = '\xff'; import app.core.openapi\n",
        b"# coding: rot13\nimport app.core.openapi\n",
        b"# coding: no-such\nimport app.core.openapi\n",
        b"import app.core.openapi\0\n",
    ],
)
def test_what_is_no_text_is_left_and_told(content: bytes) -> None:
    result = rewritten_bytes(content)

    assert (result.content, result.changes, len(result.left)) == (content, {}, 1)


def rewritten_bytes(content: bytes) -> Rewritten:
    return rewrite(content, BOOKS, Names([MOVES], BOOKS))
