"""The page of lists shows how to follow a table: no row is skipped, as by the naive cursor."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.edits import replace
from tests.support.markdown import blocks, section
from tests.support.services import Environment

pytestmark = pytest.mark.slow

TEST = '''
import asyncio
from contextlib import AsyncExitStack
from uuid import uuid4

from app.core.database import Database
from app.core.pagination import Cursor
from app.items.models import Item
from app.items.schemas import ItemCreate, ItemUpdate
from app.items.service import ByWriter, create_item, follow_items, list_items, update_item
from fastapi import FastAPI


class Naive:
    """Remembers the last cursor of the list."""

    after: Cursor | None = None

    async def read(self, database: Database) -> list[str]:
        async with database.read() as session:
            page = await list_items(session, limit=100, after=self.after)
        for item in page.items:
            self.after = Cursor(item.created_at, item.id)
        return [item.name for item in page.items]


class Follower:
    after: ByWriter | None = None

    async def read(self, database: Database) -> list[str]:
        async with database.read() as session:
            page = await follow_items(session, limit=100, after=self.after)
        for item in page.items:
            self.after = ByWriter(item.written_by, item.id)
        return [item.name for item in page.items]


async def create(database: Database, name: str) -> Item:
    async with database.session() as session:
        return await create_item(session, ItemCreate(name=name))


async def test_what_is_committed_late_is_skipped_by_the_naive_alone(
    committing_app: FastAPI,
) -> None:
    database: Database = committing_app.state.database
    naive, follower = Naive(), Follower()
    async with AsyncExitStack() as stack:
        slow = await stack.enter_async_context(database.session())
        await create_item(slow, ItemCreate(name="late"))
        await create(database, "early")
        assert await naive.read(database) == ["early"]
        assert await follower.read(database) == []  # it waits for the transaction under way

    assert await naive.read(database) == []
    assert await follower.read(database) == ["late", "early"]
    assert await follower.read(database) == []


async def test_what_is_changed_comes_again(committing_app: FastAPI) -> None:
    database: Database = committing_app.state.database
    follower = Follower()
    item = await create(database, "lamp")
    assert await follower.read(database) == ["lamp"]

    async with database.session() as session:
        await update_item(session, item.id, ItemUpdate(name="torch"))

    assert await follower.read(database) == ["torch"]


async def test_a_follower_of_many_writers_misses_no_row(committing_app: FastAPI) -> None:
    database: Database = committing_app.state.database
    follower, seen, written, busy = Follower(), list[str](), set[str](), 8

    async def write() -> None:
        nonlocal busy
        for number in range(40):
            async with database.session() as session:
                name = uuid4().hex
                await create_item(session, ItemCreate(name=name))
                await asyncio.sleep(0.001 * (number % 5))  # others commit first
            written.add(name)
        busy -= 1

    async def follow() -> None:
        while busy:
            seen.extend(await follower.read(database))
        while found := await follower.read(database):
            seen.extend(found)

    await asyncio.gather(follow(), *(write() for _ in range(busy)))

    assert len(written) == 320
    assert sorted(seen) == sorted(written)
'''


def test_the_list_to_follow_skips_no_row(
    render: Callable[..., Path], environment: Environment, tmp_path: Path
) -> None:
    service = Path(shutil.copytree(render(), tmp_path / "my-service"))
    shutil.copy2(environment.lock, service)
    page = (service / "docs/lists.md").read_text()
    model, followed = blocks(section(page, "To follow"), "python")
    [writer] = re.findall(r"^WRITER = .*$", model, re.MULTILINE)
    [column] = re.findall(r"^    written_by: .*$", model, re.MULTILINE)
    [index] = re.findall(r"Index\(.*?\)", model)
    models, functions = service / "app/items/models.py", service / "app/items/service.py"
    names = "BigInteger, Text, cast, func"

    replace(models, "import Index, String, text", f"import Index, String, text, {names}")
    replace(models, "\n\nclass Item(", f"\n{writer}\n\n\nclass Item(")
    args = "    __table_args__ = ("
    replace(models, args, f"{column}\n\n{args}\n        {index},")
    replace(functions, "import uuid\n", "import uuid\nfrom typing import NamedTuple\n")
    replace(functions, "sqlalchemy import select\n", f"sqlalchemy import select, {names}\n")
    with functions.open("a") as file:
        file.write(f"\n\n{followed}")
    (service / "tests/items/test_following.py").write_text(TEST)
    environment.run(service, "make", "format")
    environment.run(service, "make", "migration", "m=follow items")

    for tool, *arguments in (
        ("mypy",),
        ("pytest", "tests/items", "tests/test_migrations.py", "-k", "not new_migrations"),
    ):
        environment.run(service, str(environment.folder / "bin" / tool), *arguments)
