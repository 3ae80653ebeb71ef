"""Campaigns, the places they plan for accounts, and the drafts that fill them."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from content_svc.errors import CampaignNotInState, DraftNotInState
from content_svc.models.base import Base
from shared.database import Aggregate
from shared.events.content import CampaignMode, Verdict


class CampaignStatus(StrEnum):
    DRAFT = "draft"
    PLANNING = "planning"
    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"
    COMPLETED = "completed"


class DraftStatus(StrEnum):
    HELD = "held"
    IN_REVIEW = "in_review"
    APPROVED = "approved"
    WITHDRAWN = "withdrawn"


class Campaign(Aggregate, Base):
    __tablename__ = "campaign"
    __table_args__ = (
        UniqueConstraint("brand_id", "code"),
        Index("ix_campaign_brand_id_id", "brand_id", "id"),
    )

    code: Mapped[str]
    name: Mapped[str]
    mode: Mapped[CampaignMode]
    template_id: Mapped[UUID]
    asset_ids: Mapped[list[UUID]]
    unit_ids: Mapped[list[UUID]]
    platforms: Mapped[list[str]]
    persona_kinds: Mapped[list[str]]
    rights: Mapped[list[str]]
    """What the seller of an account must hold until the campaign ends."""
    slot_values: Mapped[dict[str, Any]]
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    posts_per_account_gap_minutes: Mapped[int]
    status: Mapped[CampaignStatus]
    is_compiled: Mapped[bool]
    """Every targeted account has its place; what remains is to write the drafts."""
    compiled_through: Mapped[UUID | None]
    """The last account id that the compilation reached: a crash goes on from here."""
    written_through: Mapped[UUID | None]
    """The last account id whose place has its draft; drafts are written in that order."""
    is_written: Mapped[bool]
    """Every place has its draft."""
    created_at: Mapped[datetime]

    def launch(self) -> None:
        self._require(CampaignStatus.DRAFT)
        self.status = CampaignStatus.PLANNING

    def pause(self) -> None:
        self._require(CampaignStatus.PLANNING, CampaignStatus.RUNNING)
        self.status = CampaignStatus.PAUSED

    def resume(self) -> None:
        self._require(CampaignStatus.PAUSED)
        self.status = CampaignStatus.RUNNING if self.is_written else CampaignStatus.PLANNING

    def stop(self) -> None:
        self._require(
            CampaignStatus.DRAFT,
            CampaignStatus.PLANNING,
            CampaignStatus.RUNNING,
            CampaignStatus.PAUSED,
        )
        self.status = CampaignStatus.STOPPED

    def require_taking_posts(self) -> None:
        self._require(CampaignStatus.PLANNING, CampaignStatus.RUNNING, CampaignStatus.PAUSED)

    def complete(self) -> None:
        self._require(CampaignStatus.RUNNING)
        self.status = CampaignStatus.COMPLETED

    def _require(self, *allowed: CampaignStatus) -> None:
        if self.status not in allowed:
            raise CampaignNotInState(f"the campaign is {self.status}")


class CampaignPlace(Base):
    """One account's place in a campaign: it posts at `due_at`. At most one per account."""

    __tablename__ = "campaign_place"
    __table_args__ = (
        Index("ix_campaign_place_brand_id_account_id_due_at", "brand_id", "account_id", "due_at"),
    )

    brand_id: Mapped[UUID] = mapped_column(primary_key=True)
    campaign_id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(primary_key=True)
    due_at: Mapped[datetime]
    is_written: Mapped[bool] = mapped_column(server_default=text("false"))
    """Set by releases before `Campaign.written_through`; to be dropped when none of them runs."""


class Draft(Aggregate, Base):
    """One seller's version of a text, with what the rules found in it."""

    __tablename__ = "draft"
    __table_args__ = (
        Index("ix_draft_brand_id_id", "brand_id", "id"),
        Index("ix_draft_brand_id_campaign_id_status", "brand_id", "campaign_id", "status"),
        # The natural key of planned work: a place is written once.
        Index(
            "uq_draft_planned",
            "brand_id",
            "campaign_id",
            "account_id",
            unique=True,
            postgresql_where=text("is_planned"),
        ),
        # What waits on an account; planned drafts that are approved are scheduled at once.
        Index(
            "ix_draft_open",
            "brand_id",
            "account_id",
            postgresql_where=text(
                "status in ('held', 'in_review') or status = 'approved' and not is_planned"
            ),
        ),
    )

    campaign_id: Mapped[UUID | None]
    account_id: Mapped[UUID]
    is_planned: Mapped[bool]
    """Written for the account's place in its campaign, and scheduled for it once approved."""
    status: Mapped[DraftStatus]
    title: Mapped[str]
    text: Mapped[str]
    asset_ids: Mapped[list[UUID]]
    locked: Mapped[list[str]]
    """Passages of the text, in order, that a revision must keep as they are."""
    verdict: Mapped[Verdict]
    findings: Mapped[list[dict[str, Any]]]
    pack_version: Mapped[str]
    checked_at: Mapped[datetime]
    created_at: Mapped[datetime]

    def approve(self) -> None:
        """A person answers for a text that the rules left to judgement; a held one stays held."""
        if self.status is not DraftStatus.IN_REVIEW:
            raise DraftNotInState(f"the draft is {self.status}")
        self.status = DraftStatus.APPROVED
