"""Brands and their tree of units."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint, false, text
from sqlalchemy.orm import Mapped, mapped_column

from account_svc.errors import RootStays, TreeCycle, TreeTooDeep
from account_svc.models.base import Base, OfBrand
from shared.database import Aggregate
from shared.events.account import UnitKind

_ID_BYTES = 16
LARGEST_DEPTH = 32


class Brand(Base):
    __tablename__ = "brand"

    id: Mapped[UUID] = mapped_column("brand_id", primary_key=True)
    name: Mapped[str]
    industry: Mapped[str]
    created_at: Mapped[datetime]


class Unit(OfBrand, Aggregate, Base):
    """A node of the brand's tree.

    `path` is the ids from the root to the unit, 16 bytes each, so a subtree is one range of the
    index on (brand_id, path). Under row-level security only leakproof operators may use an index:
    comparisons of bytea are, those of arrays and of ltree are not, and would read all units.
    """

    __tablename__ = "unit"
    __table_args__ = (
        UniqueConstraint("brand_id", "code"),
        Index(
            "uq_unit_folded_code",
            "brand_id",
            text('lower(code collate "C")'),
            unique=True,
            postgresql_where=text("not is_twin"),
        ),
        Index("ix_unit_brand_id_path", "brand_id", "path"),
        Index("ix_unit_parent_id", "parent_id"),
    )

    parent_id: Mapped[UUID | None]
    path: Mapped[bytes]
    kind: Mapped[UnitKind]
    code: Mapped[str]
    """Taken in upper and lower case alike: people type it into files. It is named as it is written.
    """
    is_twin: Mapped[bool] = mapped_column(server_default=false())
    """Another unit has this code but for upper and lower case, from before that was refused."""
    name: Mapped[str]
    city_code: Mapped[str | None]
    city: Mapped[str | None]
    latitude: Mapped[float | None]
    longitude: Mapped[float | None]
    opens_at: Mapped[str | None]
    closes_at: Mapped[str | None]

    @property
    def ancestor_ids(self) -> list[UUID]:
        """From the root to the unit itself."""
        return split_path(self.path)

    def hang_under(self, parent: "Unit", *, levels_below: int = 0) -> None:
        """Take a new place; the caller moves the subtree of so many levels below with it."""
        if self.parent_id is None and self.path:
            raise RootStays("the root of the tree cannot be moved")
        if self.path and parent.path.startswith(self.path):
            raise TreeCycle("the new parent lies below the unit", field="/parent_id")
        if len(parent.path) // _ID_BYTES + levels_below >= LARGEST_DEPTH:
            raise TreeTooDeep(f"the tree may have {LARGEST_DEPTH} levels", field="/parent_id")
        self.parent_id = parent.id
        self.path = parent.path + self.id.bytes

    def facts(self) -> dict[str, Any]:
        """What UnitAdded and UnitChanged carry."""
        return {
            "unit_id": self.id,
            "kind": self.kind,
            "code": self.code,
            "name": self.name,
            "ancestor_ids": self.ancestor_ids,
            "city_code": self.city_code,
            "city": self.city,
            "latitude": self.latitude,
            "longitude": self.longitude,
            "opens_at": self.opens_at,
            "closes_at": self.closes_at,
        }


def split_path(path: bytes) -> list[UUID]:
    return [UUID(bytes=path[start : start + _ID_BYTES]) for start in range(0, len(path), _ID_BYTES)]
