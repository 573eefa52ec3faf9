"""What the README of a service tells people to type is typed, and the service is whole after it."""

import os
import re
import shlex
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import serving
from tests.support.services import Environment
from tests.support.serving import clean_environment, free_port, until

pytestmark = pytest.mark.slow

# What a table more or less may break. All tests run where the example is removed.
OF_TABLES = "tests/items tests/test_conventions.py tests/test_main.py tests/test_migrations.py"


@pytest.fixture
def copy(render: Callable[..., Path], environment: Environment, tmp_path: Path) -> Path:
    service = Path(shutil.copytree(render(), tmp_path / "my-service"))
    shutil.copy2(environment.lock, service)
    return service


def section(service: Path, heading: str) -> str:
    """What stands in the README below a heading."""
    parts = (service / "README.md").read_text().split("\n## ")
    [text] = [part for part in parts if part.startswith(f"{heading}\n")]
    return text


def blocks(service: Path, heading: str, language: str) -> list[str]:
    """The code blocks of a section."""
    text = section(service, heading)
    return [part.split("```")[0] for part in text.split(f"```{language}\n")[1:]]


def type_in_bash(service: Path, environment: Environment, *commands: str) -> str:
    """What the commands print. The first that fails is an error, as a person would notice it."""
    bash = ("bash", "-euo", "pipefail", "-c", "\n".join(commands))
    return environment.run(service, *bash, timeout=900).stdout


def files(service: Path) -> set[str]:
    """The files that git would take."""
    kept = {path for path in service.rglob("*") if path.is_file()}
    names = {str(path.relative_to(service)) for path in kept}
    return {name for name in names if not re.match(r"\.(postgres|\w+_cache)/", name)}


def run_by_pytest(output: str) -> list[str]:
    """The folders and files whose tests pytest has run."""
    return sorted(set(re.findall(r"^(tests/\S+)\.py \.", output, re.MULTILINE)))


def test_the_recipe_adds_a_resource(
    copy: Path, environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARGS", f"tests/books {OF_TABLES}")
    before = files(copy)
    [console] = blocks(copy, "Add a resource", "console")
    command, _, shown = console.removeprefix("$ ").partition("\n")
    [make_it] = blocks(copy, "Add a resource", "bash")

    printed = type_in_bash(copy, environment, command)
    output = type_in_bash(copy, environment, make_it)

    [migration] = copy.glob("migrations/versions/*_create_book.py")
    written = ("__init__", "models", "routes", "schemas", "service")
    tests = ("examples", "test_lists", "test_routes", "test_versions")
    assert printed == shown
    assert files(copy) - before == {
        *(f"app/books/{name}.py" for name in written),
        *(f"tests/books/{name}.py" for name in tests),
        str(migration.relative_to(copy)),
        ".template-resources.toml",
        ".template-resources/book.zip",
    }
    assert re.findall(r"op\.(\w+_table)\(\s*\"(\w+)\"", migration.read_text()) == [
        ("create_table", "book"),
        ("drop_table", "book"),
    ]
    assert {"tests/books/test_routes", "tests/items/test_routes"} <= set(run_by_pytest(output))


def test_the_readme_shows_the_example_as_it_is(copy: Path) -> None:
    *excerpts, two_lines = blocks(copy, "Add a resource", "python")

    shown = {}
    for excerpt in excerpts:
        path, _, lines = excerpt.removeprefix("# ").partition("\n")
        shown[path] = (copy / path).read_text().count(f"\n{lines}")
    imported, _, included = two_lines.replace("books", "items").partition("\n\n")
    api = (copy / "app" / "api.py").read_text()

    assert shown == {f"app/items/{name}.py": 1 for name in ("models", "schemas", "routes")}
    assert (api.count(f"\n{imported}\n"), api.count(f"\n{included}")) == (1, 1)


def test_the_recipe_removes_the_example(copy: Path, environment: Environment) -> None:
    [remove] = blocks(copy, "Remove the example", "bash")

    type_in_bash(copy, environment, "make migrate", remove)
    (copy / "migrations" / "versions").rmdir()  # git keeps no empty folder
    output = type_in_bash(copy, environment, "make check test")

    table = "uv run python -m dev.run psql -XAtc \"SELECT to_regclass('item')\""
    assert type_in_bash(copy, environment, f"make migrate >&2; {table}").splitlines()[-1:] == [""]
    assert [name for name in files(copy) if "items" in name] == []
    assert not re.search("item", (copy / "app" / "api.py").read_text())
    assert "tests/test_migrations" in run_by_pytest(output)


def test_a_deployed_example_is_removed_by_a_migration_that_says_it_is_meant(
    copy: Path, environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARGS", OF_TABLES.removeprefix("tests/items "))
    remove, _, change_api, _ = blocks(copy, "Remove the example", "bash")[0].splitlines()
    keep_the_migration = remove.replace(" migrations/versions/*_create_item.py", "")

    type_in_bash(copy, environment, "make migrate", keep_the_migration, change_api)
    type_in_bash(copy, environment, 'make migration m="drop item"')
    refused = environment.run(copy, "make", "check", check=False)
    [migration] = (copy / "migrations" / "versions").glob("*_drop_item.py")
    waivers = [
        f"    # squawk-ignore {rule}: nothing reads it any more\n"
        for rule in ("ban-drop-table", "require-concurrent-index-deletion")
    ]
    text = migration.read_text()
    migration.write_text(text.replace("-> None:\n", "-> None:\n" + "".join(waivers), 1))
    output = type_in_bash(copy, environment, "make migrate check test")

    assert refused.returncode != 0
    assert "ban-drop-table" in refused.stdout
    assert "tests/test_migrations" in run_by_pytest(output)


def test_what_the_recipe_of_deployment_starts_serves(
    copy: Path, environment: Environment, tmp_path: Path
) -> None:
    [deploy] = blocks(copy, "Deploy", "bash")
    port = free_port()
    placeholders = {"POSTGRES_URL=postgresql://...": "", "0.0.0.0": "127.0.0.1", "8000": str(port)}
    assert [deploy.count(text) for text in placeholders] == [1, 1, 1]

    with serving.temporary_server() as server_url:
        url = serving.new_database(server_url)
        placeholders["POSTGRES_URL=postgresql://..."] = f"POSTGRES_URL={shlex.quote(url)}"
        for text, value in placeholders.items():
            deploy = deploy.replace(text, value)
        command = ["bash", "-euo", "pipefail", "-c", deploy]
        with serving.serving(command, copy, clean_environment(), port, tmp_path) as served:
            served.wait_until_it_answers("/health/ready")
            created = served.request("POST", "/items", json={"name": "lamp"})

            assert created.status_code == 201
            until(
                lambda: served.said.count('"event":"The service has started."') == 2,
                "both workers have started",
            )
            assert serving.sql(url, "SELECT name FROM item") == [("lamp",)]
            os.killpg(served.process.pid, signal.SIGTERM)
            served.process.wait(serving.DEADLINE_SECONDS)
            assert served.left() == []


def test_make_alone_lists_the_targets(copy: Path, environment: Environment) -> None:
    files = [copy / "Makefile", *sorted((copy / "make").glob("*.mk"))]
    text = "".join(file.read_text() for file in files)
    targets = re.findall(r"^([a-z-]+):.*## ", text, re.MULTILINE)

    listed = type_in_bash(copy, environment, "make")

    assert re.findall(r"^  ([a-z-]+) ", listed, re.MULTILINE) == targets


@pytest.mark.parametrize("heading", ["Start", "Add a resource", "Remove the example", "Deploy"])
def test_every_command_of_the_readme_is_a_target(copy: Path, heading: str) -> None:
    targets = re.findall(r"^([a-z-]+):", (copy / "Makefile").read_text(), re.MULTILINE)

    text = section(copy, heading)
    named = re.findall(r"(?:^\s*|`)make ([a-z-]+)", text, re.MULTILINE)

    assert named
    assert sorted(set(named) - set(targets)) == []


def test_make_dev_starts_no_postgres_where_one_is_configured(
    copy: Path, environment: Environment, tmp_path: Path
) -> None:
    port = free_port()
    with serving.temporary_server() as server_url:
        url = serving.new_database(server_url)
        variables = clean_environment(
            POSTGRES_URL=url, UV_PROJECT_ENVIRONMENT=str(environment.folder)
        )
        command = ["make", "dev", f"PORT={port}"]
        with serving.serving(command, copy, variables, port, tmp_path) as served:
            served.wait_until_it_answers("/health/ready")
            created = served.request("POST", "/items", json={"name": "lamp"})
            started = serving.processes("ppid", str(copy))

        assert created.status_code == 201
        assert serving.sql(url, "SELECT name FROM item") == [("lamp",)]
        assert [command for command in started if "keeper" in command] == []
        assert not (copy / ".postgres").exists()


def test_make_dev_serves_an_edit_without_a_restart(
    copy: Path, environment: Environment, tmp_path: Path
) -> None:
    port = free_port()
    variables = clean_environment(UV_PROJECT_ENVIRONMENT=str(environment.folder))
    health = copy / "app" / "server" / "health.py"

    with serving.serving(
        ["make", "dev", f"PORT={port}"], copy, variables, port, tmp_path
    ) as served:
        served.wait_until_it_answers("/health/ready")
        text = health.read_text()
        assert text.count('@router.get("/live")') == 1
        health.write_text(text.replace('@router.get("/live")', '@router.get("/alive")'))
        served.wait_until_it_answers("/health/alive")
        os.killpg(served.process.pid, signal.SIGINT)
        served.wait()

        assert "Traceback" not in served.said
        assert served.left() == []


def test_targets_of_the_service_s_own_live_beside_the_makefile(
    copy: Path, environment: Environment
) -> None:
    (copy / "local.mk").write_text("greet: ## Say hello\n\t@echo hello from $(PORT)\n")

    output = type_in_bash(copy, environment, "make greet", "make help")

    assert output.startswith("hello from 8000\n")
    assert "  greet           Say hello\n" in output
