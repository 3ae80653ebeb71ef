"""People who sell for the brand. What is personal is sealed with the person's own data key."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index, UniqueConstraint, false, text
from sqlalchemy.orm import Mapped, mapped_column

from account_svc.errors import StaffDeparted, StaffNotAbsent
from account_svc.models.base import Base, OfBrand
from shared.database import Aggregate


class StaffStatus(StrEnum):
    ACTIVE = "active"
    ABSENT = "absent"
    DEPARTED = "departed"


class Staff(OfBrand, Aggregate, Base):
    __tablename__ = "staff"
    __table_args__ = (
        UniqueConstraint("brand_id", "code"),
        Index(
            "uq_staff_folded_code",
            "brand_id",
            text('lower(code collate "C")'),
            unique=True,
            postgresql_where=text("not is_twin"),
        ),
        ForeignKeyConstraint(["brand_id", "unit_id"], ["unit.brand_id", "unit.id"]),
        Index("ix_staff_unit_id", "unit_id"),
        Index("ix_staff_phone_index", "phone_index"),
    )

    unit_id: Mapped[UUID]
    code: Mapped[str]
    """Taken in upper and lower case alike, as a WeCom userid is, which it often is too."""
    is_twin: Mapped[bool] = mapped_column(server_default=false())
    """Another person has this code but for upper and lower case, from before that was refused."""
    name_sealed: Mapped[bytes]
    phone_sealed: Mapped[bytes | None]
    phone_index: Mapped[bytes | None]
    is_seller: Mapped[bool]
    open_lead_capacity: Mapped[int]
    """How many open leads the person can hold."""
    skills: Mapped[list[str]]
    product_lines: Mapped[list[str]]
    languages: Mapped[list[str]]
    tier: Mapped[str]
    absent_from: Mapped[datetime | None]
    absent_until: Mapped[datetime | None]
    absence_reason_sealed: Mapped[bytes | None]
    joined_at: Mapped[datetime]
    departed_at: Mapped[datetime | None]
    departure_reason_sealed: Mapped[bytes | None]

    def facts(self) -> dict[str, Any]:
        """What StaffJoined and StaffChanged carry."""
        return {
            "staff_id": self.id,
            "unit_id": self.unit_id,
            "is_seller": self.is_seller,
            "open_lead_capacity": self.open_lead_capacity,
            "skills": self.skills,
            "product_lines": self.product_lines,
            "languages": self.languages,
            "tier": self.tier,
        }

    def status_at(self, at: datetime) -> StaffStatus:
        return status_at(
            at,
            departed_at=self.departed_at,
            absent_from=self.absent_from,
            absent_until=self.absent_until,
        )

    def mark_absent(
        self, from_at: datetime, until_at: datetime | None, reason_sealed: bytes
    ) -> None:
        self.require_present()
        self.absent_from, self.absent_until = from_at, until_at
        self.absence_reason_sealed = reason_sealed

    def end_absence(self) -> None:
        self.require_present()
        if self.absent_from is None:
            raise StaffNotAbsent("no absence is noted for this person")
        self.absent_from = self.absent_until = self.absence_reason_sealed = None

    def depart(self, at: datetime, reason_sealed: bytes) -> None:
        self.require_present()
        self.departed_at = at
        self.departure_reason_sealed = reason_sealed

    def require_present(self) -> None:
        if self.departed_at is not None:
            raise StaffDeparted("this person no longer sells for the brand")


def status_at(
    at: datetime,
    *,
    departed_at: datetime | None,
    absent_from: datetime | None,
    absent_until: datetime | None,
) -> StaffStatus:
    """An absence begins and ends by the clock; nothing has to run for it."""
    if departed_at is not None:
        return StaffStatus.DEPARTED
    has_begun = absent_from is not None and absent_from <= at
    has_ended = absent_until is not None and absent_until <= at
    return StaffStatus.ABSENT if has_begun and not has_ended else StaffStatus.ACTIVE
