"""Projections of the org tree, staff and accounts: what targeting and rendering need to know."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from content_svc.models.base import Base
from shared.events.account import AccountStatus, Platform, UnitKind


class UnitEntry(Base):
    """A unit of the org tree. `ancestor_ids` runs from the root to the unit itself.

    It is derived from the parents, each told by its own unit's events, so the order in which
    events of different units arrive does not matter.
    """

    __tablename__ = "unit_directory"
    __table_args__ = (
        Index("ix_unit_directory_ancestor_ids", "ancestor_ids", postgresql_using="gin"),
        Index("ix_unit_directory_brand_id_parent_id", "brand_id", "parent_id"),
    )

    brand_id: Mapped[UUID] = mapped_column(primary_key=True)
    unit_id: Mapped[UUID] = mapped_column(primary_key=True)
    parent_id: Mapped[UUID | None]
    ancestor_ids: Mapped[list[UUID]]
    kind: Mapped[UnitKind]
    code: Mapped[str]
    name: Mapped[str]
    city_code: Mapped[str | None]
    city: Mapped[str | None]


class StaffEntry(Base):
    __tablename__ = "staff_directory"
    __table_args__ = (
        # the few that targeting leaves out
        Index(
            "ix_staff_directory_departed",
            "brand_id",
            "staff_id",
            postgresql_where=text("is_departed"),
        ),
    )

    brand_id: Mapped[UUID] = mapped_column(primary_key=True)
    staff_id: Mapped[UUID] = mapped_column(primary_key=True)
    unit_id: Mapped[UUID | None]
    is_departed: Mapped[bool]


class StaffRight(Base):
    """A right that a certificate gives, until it expires."""

    __tablename__ = "staff_right"

    brand_id: Mapped[UUID] = mapped_column(primary_key=True)
    staff_id: Mapped[UUID] = mapped_column(primary_key=True)
    right: Mapped[str] = mapped_column(primary_key=True)
    expires_at: Mapped[datetime]


class AccountEntry(Base):
    __tablename__ = "account_directory"
    __table_args__ = (
        Index("ix_account_directory_brand_id_unit_id", "brand_id", "unit_id"),
        Index("ix_account_directory_brand_id_staff_id", "brand_id", "staff_id"),
        Index("ix_account_directory_brand_id_platform_handle", "brand_id", "platform", "handle"),
    )

    brand_id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(primary_key=True)
    platform: Mapped[Platform]
    handle: Mapped[str]
    display_name: Mapped[str]
    domain: Mapped[str]
    seat: Mapped[str]
    unit_id: Mapped[UUID]
    staff_id: Mapped[UUID | None]
    persona_id: Mapped[UUID | None]
    persona_kind: Mapped[str | None]
    status: Mapped[AccountStatus]
