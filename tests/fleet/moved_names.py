"""Moves of a release, and what they make of each form of import."""

from fleet.rewriting.moves import Moves

MOVES = Moves.parse(
    """
[modules]
"app.health" = "app.server.health"
"app.core.middleware" = "app.server.request_log"
"app.core.openapi" = "app.server.openapi"
"app.core.checks" = "app.server.revisions"

[names]
"app.core.openapi.problems" = "app.core.errors.problems"
"app.core.middleware.BodyLimits" = "app.server.body_limits.BodyLimits"
"app.core.errors.add_error_handlers" = "app.server.error_handlers.add_error_handlers"
"hooks.forget" = "commands.reset"

[removed]
"app.core.collector" = "the lifespan does it."
"app.core.checks.warn" = "nothing warns."

[below."tests/".modules]
httpx = "httpx2"
""",
    "moves.toml",
)

CASES = {
    "a parameter with the name of a package": (
        "import app.core.checks\n\n\ndef f(app):\n    return app.core.checks.x\n",
        "import app.server.revisions\n\n\ndef f(app):\n    return app.core.checks.x\n",
    ),
    "a name": (
        "from app.core.openapi import problems\n",
        "from app.core.errors import problems\n",
    ),
    "a name of a module": (
        "from app.core.openapi import describe\n",
        "from app.server.openapi import describe\n",
    ),
    "an alias": (
        "from app.core.openapi import problems as told\n",
        "from app.core.errors import problems as told\n",
    ),
    "another name, which the file goes on calling by the old one": (
        "from hooks import forget\n\nforget()\n",
        "from commands import reset as forget\n\nforget()\n",
    ),
    "an alias that is the new name": (
        "from hooks import forget as reset\n",
        "from commands import reset\n",
    ),
    "a name that a file exports": (
        "from app.core.openapi import problems as problems\n",
        "from app.core.errors import problems as problems\n",
    ),
    "a module": (
        "from app.core import openapi\n\nopenapi.describe()\n",
        "from app.server import openapi\n\nopenapi.describe()\n",
    ),
    "a module of another name": (
        "from app.core import checks\n\nchecks.run(checks.ALL)\n",
        "from app.server import revisions as checks\n\nchecks.run(checks.ALL)\n",
    ),
    "names that go different ways": (
        "from app.core.middleware import BodyLimits, RequestLog\n",
        "from app.server.body_limits import BodyLimits\n"
        "from app.server.request_log import RequestLog\n",
    ),
    "names of which one stays": (
        "from app.core.errors import AppError, add_error_handlers, NotFoundError\n",
        "from app.core.errors import AppError, NotFoundError\n"
        "from app.server.error_handlers import add_error_handlers\n",
    ),
    "comments, with the names that they are about": (
        """\
        from app.core.middleware import (
            # Bodies are small here.
            BodyLimits,  # and quick
            RequestLog,
            # Last.
        )
        """,
        """\
        from app.server.body_limits import (
            # Bodies are small here.
            BodyLimits,  # and quick
        )
        from app.server.request_log import (
            # Last.
            RequestLog,
        )
        """,
    ),
    "the layout of a statement whose names go the same way": (
        "from app.core.middleware import (  # the log\n    RequestLog,\n    Id\n)  # noqa\n",
        "from app.server.request_log import (  # the log\n    RequestLog,\n    Id\n)  # noqa\n",
    ),
    "a comment for tools, in each line": (
        "from app.core.middleware import BodyLimits, RequestLog  # noqa: F401\n",
        "from app.server.body_limits import BodyLimits  # noqa: F401\n"
        "from app.server.request_log import RequestLog  # noqa: F401\n",
    ),
    "several statements in a line": (
        "import os; from app.core.middleware import BodyLimits, RequestLog; x = 1\n",
        "import os; from app.server.body_limits import BodyLimits; "
        "from app.server.request_log import RequestLog; x = 1\n",
    ),
    "a module's name that went elsewhere": (
        "from app.core import middleware\n\nmiddleware.RequestLog(middleware.BodyLimits.size)\n",
        "from app.server import request_log as middleware, body_limits\n\n"
        "middleware.RequestLog(body_limits.BodyLimits.size)\n",
    ),
    "a module of which the only name that is used went elsewhere": (
        "from app.core import middleware\n\nmiddleware.BodyLimits()\n",
        "from app.server import body_limits\n\nbody_limits.BodyLimits()\n",
    ),
    "a name for the module that something else has": (
        "from app.core import middleware\n\nbody_limits = middleware.BodyLimits()\n",
        "from app.server import body_limits as server_body_limits\n\n"
        "body_limits = server_body_limits.BodyLimits()\n",
    ),
    "a package": (
        "from app import core\n\ncore.openapi.problems(core.health, core.openapi.describe)\n",
        "from app import core\nfrom app.server import openapi\n\n"
        "core.errors.problems(core.health, openapi.describe)\n",
    ),
    "a module by its path": (
        "import app.core.middleware\n\nx = app.core.middleware.RequestLog()\n",
        "import app.server.request_log\n\nx = app.server.request_log.RequestLog()\n",
    ),
    "a module by its path, of which a name went elsewhere": (
        "import app.core.middleware\n\nx = app.core.middleware.BodyLimits.size\n",
        "import app.server.body_limits\n\nx = app.server.body_limits.BodyLimits.size\n",
    ),
    "a module that is imported for its effects": (
        "import app.core.middleware, os\n",
        "import app.server.request_log, os\n",
    ),
    "a path that another import of the package leads to": (
        "import app.main\n\nx = app.core.openapi.problems\n",
        "import app.main, app.core.errors\n\nx = app.core.errors.problems\n",
    ),
    "a path beside another use of the package": (
        'import app.core.checks\n\nx = [app.core.checks.ALL, app.main, "app.main.app"]\n',
        'import app.server.revisions\n\nx = [app.server.revisions.ALL, app.main, "app.main.app"]\n',
    ),
    "an alias of a path": (
        "import app.core.middleware as m\n\nm.RequestLog(m.BodyLimits)\n",
        "import app.server.request_log as m\nfrom app.server import body_limits\n\n"
        "m.RequestLog(body_limits.BodyLimits)\n",
    ),
    "an alias of a path, of which a name went elsewhere": (
        "import app.core.openapi as o\n\no.problems()\n",
        "from app.core import errors\n\nerrors.problems()\n",
    ),
    "a relative import": (
        "from ..core.openapi import problems\n",
        "from ..core.errors import problems\n",
    ),
    "a relative import of a module": (
        "from .. import health\nfrom ..core import checks as c\n",
        "from ..server import health\nfrom ..server import revisions as c\n",
    ),
    "a type-checking block": (
        "if TYPE_CHECKING:\n    from app.core.middleware import BodyLimits, RequestLog\n",
        "if TYPE_CHECKING:\n    from app.server.body_limits import BodyLimits\n"
        "    from app.server.request_log import RequestLog\n",
    ),
    "a block in one line": (
        "if TYPE_CHECKING: from app.core.middleware import BodyLimits, RequestLog\n",
        "if TYPE_CHECKING: from app.server.body_limits import BodyLimits; "
        "from app.server.request_log import RequestLog\n",
    ),
    "an import in a function": (
        "def f():\n\tfrom app.core import middleware\n\n\treturn middleware.BodyLimits\n",
        "def f():\n\tfrom app.server import body_limits\n\n\treturn body_limits.BodyLimits\n",
    ),
    "an import in a block that tabs indent": (
        "if x:\n\tfrom app.core.middleware import BodyLimits, RequestLog\n",
        "if x:\n\tfrom app.server.body_limits import BodyLimits\n"
        "\tfrom app.server.request_log import RequestLog\n",
    ),
    "an import that has a fallback": (
        "try:\n    from app.core.openapi import problems\nexcept E:\n    problems = None\n",
        "try:\n    from app.core.errors import problems\nexcept E:\n    problems = None\n",
    ),
    "strings that are whole paths": (
        """patch("app.core.middleware.uuid4", r'app.core.openapi.problems.x')\n""",
        """patch("app.server.request_log.uuid4", r'app.core.errors.problems.x')\n""",
    ),
    "types in quotes": (
        'import app.health\n\nx: "app.health.Probe"\n',
        'import app.server.health\n\nx: "app.server.health.Probe"\n',
    ),
    "a module named in a call that takes paths": (
        'importlib.import_module("app.health")\n',
        'importlib.import_module("app.server.health")\n',
    ),
    "lines that end as on Windows": (
        "from app.core.middleware import BodyLimits, RequestLog\r\nx = 1\r\n",
        "from app.server.body_limits import BodyLimits\r\n"
        "from app.server.request_log import RequestLog\r\nx = 1\r\n",
    ),
}
