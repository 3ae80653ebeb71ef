"""Bodies of campaigns and drafts."""

from datetime import datetime
from typing import Annotated

from pydantic import Field, model_validator

from content_svc.models import CampaignStatus, DraftStatus
from content_svc.schemas.library import FindingOut, In, LongText, Out
from shared.events.account import Platform, Right
from shared.events.content import CampaignMode, Verdict
from shared.ids import AccountId, AssetId, CampaignId, DraftId, TemplateId, UnitId
from shared.instants import Instant

Title = Annotated[str, Field(max_length=200)]


class Target(In):
    """Which accounts post; an empty list means all."""

    unit_ids: list[UnitId] = Field(default_factory=list, max_length=500)
    """Units with all below them."""
    platforms: list[Platform] = Field(default_factory=list, max_length=20)
    persona_kinds: list[str] = Field(default_factory=list, max_length=20)
    rights: list[Right] = Field(default_factory=list, max_length=20)
    """Rights that need certificates; who posts holds all of them until the campaign ends."""


class CampaignIn(In):
    code: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$")]
    """What links and forms carry; unique in the brand."""
    name: Annotated[str, Field(min_length=1, max_length=200)]
    mode: CampaignMode
    template_id: TemplateId
    asset_ids: list[AssetId] = Field(default_factory=list, max_length=9)
    target: Target = Field(default_factory=Target)
    slot_values: dict[str, Annotated[str, Field(max_length=2000)]] = Field(
        default_factory=dict, max_length=50
    )
    starts_at: Instant
    ends_at: Instant
    posts_per_account_gap_minutes: Annotated[int, Field(ge=0, le=7 * 24 * 60)] = 60

    @model_validator(mode="after")
    def _has_a_window(self) -> "CampaignIn":
        if self.ends_at <= self.starts_at:
            raise ValueError("ends_at must be after starts_at")
        return self


class Counts(Out):
    planned: int
    held: int
    scheduled: int
    handed_off: int
    published: int
    failed: int
    withdrawn: int


class CampaignOut(Out):
    id: CampaignId
    code: str
    name: str
    mode: CampaignMode
    template_id: TemplateId
    asset_ids: list[AssetId]
    target: Target
    slot_values: dict[str, str]
    starts_at: datetime
    ends_at: datetime
    posts_per_account_gap_minutes: int
    status: CampaignStatus
    counts: Counts
    created_at: datetime
    version: int


class StopIn(In):
    reason: Annotated[str, Field(min_length=1, max_length=200)] = "stopped"


class DraftIn(In):
    account_id: AccountId
    campaign_id: CampaignId | None = None
    title: Title = ""
    text: Annotated[LongText, Field(min_length=1)]
    asset_ids: list[AssetId] = Field(default_factory=list, max_length=9)


class ReviseDraftIn(In):
    title: Title = ""
    text: Annotated[LongText, Field(min_length=1)]


class ScheduleDraftIn(In):
    due_at: Instant


class DraftOut(Out):
    id: DraftId
    campaign_id: CampaignId | None
    account_id: AccountId
    status: DraftStatus
    title: str
    text: str
    asset_ids: list[AssetId]
    verdict: Verdict
    findings: list[FindingOut]
    pack_version: str
    created_at: datetime
    version: int
