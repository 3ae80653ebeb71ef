"""What lead_svc keeps of the other services, fed by their events alone (projections)."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from lead_svc.models.base import Base
from shared.events.account import AccountStatus, Platform, UnitKind


class OrgUnit(Base):
    """`ancestor_ids` runs from the root to the unit itself."""

    __tablename__ = "org_unit"
    __table_args__ = (
        Index(None, "brand_id", "code"),
        Index(None, "brand_id", "parent_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    brand_id: Mapped[UUID]
    kind: Mapped[UnitKind]
    code: Mapped[str]
    name: Mapped[str]
    parent_id: Mapped[UUID | None]
    ancestor_ids: Mapped[list[UUID]]


_FREE = "is_seller and not is_departed and open_load < open_lead_capacity"


class Seller(Base):
    """A person leads can go to. `open_load` counts open offers and leads not yet closed.

    The counter changes only in the transaction that opens or closes the offer or the lead, so
    that choosing among thousands of sellers reads no lead at all.
    """

    __tablename__ = "seller"
    __table_args__ = (
        Index(None, "brand_id", "unit_id"),
        # Routing finds who is free without meeting who is not.
        Index(
            "ix_seller_free",
            "brand_id",
            "open_load",
            text("last_offered_at nulls first"),
            "id",
            postgresql_where=text(f"{_FREE} and absent_from is null"),
        ),
        Index(
            "ix_seller_free_unit_id",
            "brand_id",
            "unit_id",
            "open_load",
            text("last_offered_at nulls first"),
            "id",
            postgresql_where=text(_FREE),
        ),
        Index(
            "ix_seller_free_absent_until",
            "brand_id",
            "absent_until",
            postgresql_where=text(f"{_FREE} and absent_from is not null"),
        ),
        Index(
            "ix_seller_free_absent_from",
            "brand_id",
            "absent_from",
            postgresql_where=text(f"{_FREE} and absent_from is not null"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    brand_id: Mapped[UUID]
    unit_id: Mapped[UUID]
    is_seller: Mapped[bool]
    open_lead_capacity: Mapped[int]
    skills: Mapped[list[str]]
    product_lines: Mapped[list[str]]
    languages: Mapped[list[str]]
    tier: Mapped[str]
    is_departed: Mapped[bool]
    absent_from: Mapped[datetime | None]
    absent_until: Mapped[datetime | None]
    open_load: Mapped[int]
    last_offered_at: Mapped[datetime | None]
    handover_id: Mapped[UUID | None]
    """By which all that is theirs goes to others; nothing new comes to them meanwhile."""

    def is_away(self, at: datetime) -> bool:
        """Departed, absent, or leaving."""
        if self.is_departed or self.handover_id is not None:
            return True
        if self.absent_from is None or self.absent_from > at:
            return False
        return self.absent_until is None or self.absent_until > at


class SellerRight(Base):
    """A right that a certificate gives, until it expires."""

    __tablename__ = "seller_right"

    staff_id: Mapped[UUID] = mapped_column(primary_key=True)
    right: Mapped[str] = mapped_column(primary_key=True)
    brand_id: Mapped[UUID]
    expires_at: Mapped[datetime]


class SellerAccount(Base):
    __tablename__ = "seller_account"
    __table_args__ = (
        Index(None, "brand_id", "platform", "handle"),
        Index(None, "brand_id", "platform_id"),
        Index(None, "brand_id", "staff_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    brand_id: Mapped[UUID]
    platform: Mapped[Platform]
    handle: Mapped[str]
    platform_id: Mapped[str | None]
    """What hooks call the account where they do not tell its handle."""
    unit_id: Mapped[UUID]
    staff_id: Mapped[UUID | None]
    status: Mapped[AccountStatus]


class SellerPair(Base):
    """The newest comparison of a public account with its seller's private one, as of `version` of
    the public account."""

    __tablename__ = "seller_pair"

    brand_id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(primary_key=True)
    private_account_id: Mapped[UUID]
    staff_id: Mapped[UUID | None]
    """Whose accounts they were; None where the event did not tell."""
    state: Mapped[str]
    failed_fields: Mapped[list[str]]
    version: Mapped[int] = mapped_column(BigInteger)


class PostEntry(Base):
    """A published post; `url_key` is its address without scheme, query and fragment."""

    __tablename__ = "post_directory"
    __table_args__ = (
        Index(None, "brand_id", "url_key"),
        Index(None, "brand_id", "platform_post_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    brand_id: Mapped[UUID]
    account_id: Mapped[UUID]
    campaign_id: Mapped[UUID | None]
    staff_id: Mapped[UUID | None]
    unit_id: Mapped[UUID]
    platform: Mapped[Platform]
    platform_post_id: Mapped[str]
    url_key: Mapped[str | None]
    published_at: Mapped[datetime]


class CampaignEntry(Base):
    __tablename__ = "campaign_directory"
    __table_args__ = (Index(None, "brand_id", "code"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    brand_id: Mapped[UUID]
    code: Mapped[str]
    name: Mapped[str]
