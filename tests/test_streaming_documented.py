"""The page of promises shows how rows stream; its code does so."""

import shutil
from collections.abc import Callable
from pathlib import Path
from textwrap import indent

import pytest

from tests.support.markdown import blocks, section
from tests.support.services import Environment

pytestmark = pytest.mark.slow

TEST = """
from collections.abc import AsyncIterator

from app.core.database import ReadSessionDep
from app.core.pagination import Cursor
from app.items import service
from app.items.models import Item
from app.items.schemas import ItemRead, ItemSummary
from fastapi import APIRouter, FastAPI
from fastapi.responses import StreamingResponse
from httpx2 import AsyncClient
from sqlalchemy import select

router = APIRouter()


{in_a_transaction}

@router.get("/pages")
async def export_pages(session: ReadSessionDep) -> StreamingResponse:
{page_by_page}
    return StreamingResponse(lines(), media_type="application/jsonl")


async def test_rows_stream(app: FastAPI, client: AsyncClient) -> None:
    app.include_router(router)
    for number in range(201):
        await client.post("/items", json={{"name": f"lamp {{number}}"}})

    answers = [await client.get(path) for path in ("/export", "/pages")]

    for answer in answers:
        names = [ItemSummary.model_validate_json(line).name for line in answer.text.splitlines()]
        assert names == [f"lamp {{number}}" for number in range(201)]
"""


def test_the_code_that_streams_rows_streams_them(
    render: Callable[..., Path], environment: Environment, tmp_path: Path
) -> None:
    service = Path(shutil.copytree(render(), tmp_path / "my-service"))
    page = (service / "docs/promises.md").read_text()
    in_a_transaction, page_by_page = blocks(section(page, "Rows that stream"), "python")

    (service / "tests/test_export.py").write_text(
        TEST.format(in_a_transaction=in_a_transaction, page_by_page=indent(page_by_page, "    "))
    )

    for tool in ("mypy", "pytest"):
        environment.run(service, str(environment.folder / "bin" / tool), "tests/test_export.py")
