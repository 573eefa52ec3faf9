import uuid
from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue
from pydantic_core import to_json

from app.core.schemas import JsonObject, Name, RequestModel, omittable

LARGEST_ATTRIBUTES = 16_384


def _limit_size(attributes: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """What takes long to write as JSON would keep all other requests waiting."""
    if len(to_json(attributes)) > LARGEST_ATTRIBUTES:
        raise ValueError(f"must not be larger than {LARGEST_ATTRIBUTES} bytes as JSON")
    return attributes


Attributes = Annotated[JsonObject, AfterValidator(_limit_size)]


class ItemCreate(RequestModel):
    name: Name
    attributes: Attributes = Field(default={})


class ItemUpdate(RequestModel):
    """What is left out stays as it is."""

    name: Name = omittable()
    attributes: Attributes = omittable()


class ItemSummary(BaseModel):
    """An item of a list: without its attributes, which make it large."""

    model_config = ConfigDict(from_attributes=True)

    id: uuid.UUID
    name: str
    created_at: datetime
    updated_at: datetime


class ItemRead(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: uuid.UUID
    name: str
    attributes: dict[str, JsonValue]
    created_at: datetime
    updated_at: datetime
