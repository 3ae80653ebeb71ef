"""Bodies of brands and units."""

from datetime import datetime
from typing import Annotated, Any

import asyncpg
from pydantic import BaseModel, ConfigDict, Field

from account_svc.models import UnitFacts, split_path
from account_svc.models.facts import Facts, Name
from shared.events.account import UnitKind
from shared.ids import BrandId, UnitId, typed


class BrandIn(Facts):
    """`id` lets a caller choose the brand's id, or repeat safely."""

    id: BrandId | None = None
    name: Name
    industry: Annotated[str, Field(min_length=1, max_length=100)]


class BrandOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: BrandId
    name: str
    industry: str
    created_at: datetime


class UnitIn(UnitFacts):
    parent_id: UnitId


class MoveUnitIn(Facts):
    parent_id: UnitId


class UnitOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UnitId
    parent_id: UnitId | None
    kind: UnitKind
    code: str
    name: str
    city_code: str | None
    city: str | None
    latitude: float | None
    longitude: float | None
    opens_at: str | None
    closes_at: str | None
    ancestor_ids: list[UnitId]
    version: int


def brand_json(row: asyncpg.Record) -> dict[str, Any]:
    return {
        "id": typed("brand", row["brand_id"]),
        "name": row["name"],
        "industry": row["industry"],
        "created_at": row["created_at"],
    }


def unit_json(row: asyncpg.Record) -> dict[str, Any]:
    """A row of the unit table in the shape of UnitOut."""
    ancestors = [typed("unit", unit_id) for unit_id in split_path(row["path"])]
    return {
        "id": ancestors[-1],
        "parent_id": ancestors[-2] if len(ancestors) > 1 else None,
        "kind": row["kind"],
        "code": row["code"],
        "name": row["name"],
        "city_code": row["city_code"],
        "city": row["city"],
        "latitude": row["latitude"],
        "longitude": row["longitude"],
        "opens_at": row["opens_at"],
        "closes_at": row["closes_at"],
        "ancestor_ids": ancestors,
        "version": row["version"],
    }
