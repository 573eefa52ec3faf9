"""The page of lists shows how to search by one index, and how to follow a table without a gap."""

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

SEARCH = '''
from app.core.database import Database
from app.items.schemas import ItemCreate
from app.items.service import ByName, create_item, search_items
from fastapi import FastAPI
from sqlalchemy import text

NAMES = ["Lamp", "lamp", "lamp of Zoe", "lamp of Ärzte", "torch"]
PLAN = """
    EXPLAIN (COSTS OFF) SELECT * FROM item WHERE name LIKE 'lamp%' AND name > 'lamp'
    ORDER BY name LIMIT 21
"""


async def test_a_search_is_answered_in_the_order_of_names(committing_app: FastAPI) -> None:
    database: Database = committing_app.state.database
    async with database.session() as session:
        for name in reversed(NAMES):
            await create_item(session, ItemCreate(name=name))

    async with database.read() as session:
        first = await search_items(session, limit=2, after=None, name_prefix="lamp")
        rest = await search_items(session, limit=2, after=ByName("lamp of Zoe"), name_prefix="lamp")

    assert [item.name for item in first.items] == ["lamp", "lamp of Zoe"]
    assert [item.name for item in rest.items] == ["lamp of Ärzte"]
    assert first.next
    assert rest.next is None


async def test_one_index_finds_and_sorts(committing_app: FastAPI) -> None:
    async with committing_app.state.database.session() as session:
        await session.execute(text("SET LOCAL enable_seqscan = off"))
        plan = [line.strip() for line in await session.scalars(text(PLAN))]

    assert plan[:2] == ["Limit", "->  Index Scan using item_name_key on item"]
'''


@pytest.fixture
def service(render: Callable[..., Path], environment: Environment, tmp_path: Path) -> Path:
    copy = Path(shutil.copytree(render(), tmp_path / "my-service"))
    shutil.copy2(environment.lock, copy)
    return copy


def search_by_name(service: Path, page: str) -> None:
    column, function = blocks(section(page, "To search by how a name begins"), "python")
    models, functions = service / "app/items/models.py", service / "app/items/service.py"
    [migration] = service.glob("migrations/versions/*_create_item.py")

    replace(models, "    name: Mapped[str] = mapped_column(String(100), unique=True)\n", column)
    replace(migration, '"name", sa.String(length=100)', '"name", sa.String(100, collation="C")')
    with functions.open("a") as file:
        file.write(f"\n\n{function}")
    (service / "tests/items/test_search.py").write_text(SEARCH)


def follow(service: Path, page: str) -> None:
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


def test_the_recipes_of_lists_hold(service: Path, environment: Environment) -> None:
    page = (service / "docs/lists.md").read_text()

    search_by_name(service, page)
    follow(service, page)
    environment.run(service, "make", "format")
    environment.run(service, "make", "migration", "m=follow items")

    for tool, *arguments in (
        ("mypy",),
        ("pytest", "tests/items", "tests/test_migrations.py", "-k", "not new_migrations"),
    ):
        environment.run(service, str(environment.folder / "bin" / tool), *arguments)
