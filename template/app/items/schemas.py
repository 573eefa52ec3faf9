import uuid
from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue

Name = Annotated[str, Field(min_length=1, max_length=100)]
Attributes = dict[str, JsonValue]


class ItemCreate(BaseModel):
    name: Name
    attributes: Attributes = {}


class ItemUpdate(BaseModel):
    """What is left out stays as it is."""

    # The factories are never used (`exclude_unset`): they make a field optional, but not null.
    name: Name = Field(default_factory=str)
    attributes: Attributes = Field(default_factory=dict)


class ItemRead(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: uuid.UUID
    name: str
    attributes: Attributes
    created_at: datetime
    updated_at: datetime
