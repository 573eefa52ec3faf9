import uuid
from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from app.core.schemas import JsonObject, Name, RequestModel


class ItemCreate(RequestModel):
    name: Name
    attributes: JsonObject = Field(default={})


class ItemUpdate(RequestModel):
    """What is left out stays as it is."""

    # The factories are never used (`exclude_unset`): they make a field optional, but not null.
    name: Name = Field(default_factory=str)
    attributes: JsonObject = Field(default_factory=dict)


class ItemRead(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: uuid.UUID
    name: str
    attributes: dict[str, JsonValue]
    created_at: datetime
    updated_at: datetime
