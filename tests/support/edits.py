"""What people do to a service between two updates. Each edit can be made in any version."""

import os
import re
import shutil
import subprocess
import sysconfig
from collections.abc import Callable
from pathlib import Path

from tests.support import services

Edit = Callable[[Path], None]


def replace(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{file} has {old!r} {text.count(old)} times."
    file.write_text(text.replace(old, new), encoding="utf-8")


def nothing(service: Path) -> None:
    """The service stays untouched."""


def edit_the_example(service: Path) -> None:
    with (service / "app/items/service.py").open("a") as file:
        file.write('\n\nasync def ping() -> str:\n    """An edit."""\n    return "pong"\n')


def delete_the_example(service: Path) -> None:
    """As the README says it, without its last step, which takes a Postgres."""
    readme = (service / "README.md").read_text(encoding="utf-8")
    section = readme.partition("\n## Remove the example\n")[2]
    block = section.partition("```bash\n")[2].partition("```")[0]
    lines = [line for line in block.splitlines() if not line.startswith("make ")]
    subprocess.run(["bash", "-euc", "\n".join(lines)], cwd=service, check=True)


def add_a_resource(service: Path) -> None:
    """A copy of the example, as people made it by hand, without its migration."""
    for folder in (service / "app", service / "tests"):
        copy = Path(shutil.copytree(folder / "items", folder / "books"))
        for module in copy.glob("*.py"):
            text = module.read_text(encoding="utf-8")
            renamed = text.replace("item", "book").replace("Item", "Book")
            module.write_text(renamed, encoding="utf-8")
    replace(
        service / "app/api.py",
        "from app.items.routes import router as items\n",
        "from app.books.routes import router as books\n"
        "from app.items.routes import router as items\n",
    )
    with (service / "app/api.py").open("a") as file:
        file.write('router.include_router(books, tags=["books"])\n')


def add_dependencies(service: Path) -> None:
    """`uv add` writes to pyproject.toml alone when frozen: no lock file, no network."""
    for arguments in (["tenacity>=9"], ["--dev", "time-machine>=3"]):
        command = [os.environ.get("UV", "uv"), "add", "--quiet", "--frozen", *arguments]
        subprocess.run(command, cwd=service, check=True)


def write_a_dependency_and_change_a_rule(service: Path) -> None:
    pyproject = service / "pyproject.toml"
    own = "    # The service's own dependencies:\n"
    replace(pyproject, own, f'{own}    "boltons>=25",\n')
    replace(pyproject, '"T20", ', "")


def change_settings(service: Path) -> None:
    """One more setting, and another default."""
    config, example = service / "app/core/config.py", service / ".env.example"
    debug, timeout = "    debug: bool = False\n", "statement_timeout_seconds: Seconds ="
    replace(config, debug, f'{debug}    greeting: str = "hello"\n')
    replace(config, f"postgres_{timeout} 10\n", f"postgres_{timeout} 20\n")
    replace(example, "# DEBUG=false\n", "# DEBUG=false\n# GREETING=hello\n")
    timeout = "# POSTGRES_STATEMENT_TIMEOUT_SECONDS="
    replace(example, f"{timeout}10\n", f"{timeout}20\n")


def change_the_lifespan(service: Path) -> None:
    replace(
        service / "app/main.py",
        "                yield\n",
        "                app.state.cache = {}\n                yield\n",
    )


def add_a_workflow(service: Path) -> None:
    file = service / ".github/workflows/mine.yml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("on: push\njobs: {mine: {runs-on: ubuntu-latest, steps: [{run: make test}]}}\n")


def change_a_file_of_the_template(service: Path) -> None:
    replace(service / "Makefile", "WEB_CONCURRENCY ?= 1\n", "WEB_CONCURRENCY ?= 4\n")


def add_a_migration(service: Path) -> None:
    [first] = (service / "migrations/versions").glob("*_create_item.py")
    number = re.search(r'^revision.* = "(\w+)"', first.read_text(), re.MULTILINE)
    assert number
    (first.parent / "2027-01-01_0900_aaaaaaaaaaaa_add_weight.py").write_text(
        f'"""Add weight."""\n\nrevision = "aaaaaaaaaaaa"\ndown_revision = "{number[1]}"\n\n\n'
        "def upgrade() -> None: ...\n\n\ndef downgrade() -> None: ...\n"
    )


def run_the_formatter(service: Path) -> None:
    ruff = Path(sysconfig.get_path("scripts"), "ruff")
    subprocess.run([ruff, "format", "--quiet", "."], cwd=service, check=True)
    subprocess.run([ruff, "check", "--quiet", "--fix", "."], cwd=service, check=True)


def change_the_description(service: Path) -> None:
    """By hand, where people see it."""
    pyproject = service / "pyproject.toml"
    text = re.sub(r"(?m)^description = .*$", 'description = "Lamps."', pyproject.read_text())
    pyproject.write_text(text)
    readme = service / "README.md"
    title, _, rest = readme.read_text().split("\n\n", maxsplit=2)
    readme.write_text(f"{title}\n\nLamps.\n\n{rest}")


EDITS: list[Edit] = [
    nothing,
    edit_the_example,
    delete_the_example,
    add_a_resource,
    add_dependencies,
    write_a_dependency_and_change_a_rule,
    change_settings,
    change_the_lifespan,
    add_a_workflow,
    change_a_file_of_the_template,
    add_a_migration,
    run_the_formatter,
    change_the_description,
]


def edit_in_many_places(service: Path) -> None:
    """Every edit that needs the example, one after the other."""
    for edit in EDITS:
        if edit is not delete_the_example:
            edit(service)


# The same edits in fewer services.
FEW_EDITS: list[Edit] = [nothing, edit_in_many_places, delete_the_example]


def made(edit: Edit, rendered: Path, destination: Path) -> Path:
    """A service of its own, with the edit made and committed."""
    service = services.own(rendered, destination)
    edit(service)
    services.commit(service, "Edit")
    return service
