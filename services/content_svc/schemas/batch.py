"""The answer of every by-ids request."""

from typing import Generic, TypeVar

from pydantic import BaseModel

Item = TypeVar("Item")


class Batch(BaseModel, Generic[Item]):
    """Items in any order; `missing` names the ids that are absent or out of the caller's sight."""

    items: list[Item]
    missing: list[str]
