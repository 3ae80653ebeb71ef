"""What the bodies and queries of the control API share."""

from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, ConfigDict

Limit = Annotated[int, Query(ge=1, le=10_000)]


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")
