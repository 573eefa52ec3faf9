import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.database import Base
from tests.core.things import Thing


@pytest.fixture
async def things(connection: AsyncConnection, monkeypatch: pytest.MonkeyPatch) -> None:
    """The table `thing`, in the test's transaction, known to the service as one of its own."""
    await connection.run_sync(Thing.metadata.create_all)
    monkeypatch.setattr(Base, "metadata", Thing.metadata)


@pytest.fixture
async def committed_things(committing_app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    """The table `thing`, in the database of `committing_app`."""
    async with committing_app.state.database.engine.begin() as connection:
        await connection.run_sync(Thing.metadata.create_all)
    monkeypatch.setattr(Base, "metadata", Thing.metadata)
