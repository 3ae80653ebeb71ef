"""Bodies of assets, templates, the content policy and the compliance check."""

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from content_svc.models import AssetKind, SlotKind
from shared.events.account import Platform
from shared.events.content import Verdict
from shared.ids import AssetId, TemplateId

Tag = Annotated[str, Field(min_length=1, max_length=40)]
LongText = Annotated[str, Field(max_length=20_000)]


class In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Out(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class AssetOut(Out):
    id: AssetId
    kind: AssetKind
    name: str
    media_type: str
    bytes: int
    sha256: str
    tags: list[str]
    licensed_until: date | None
    created_at: datetime


class SlotIn(In):
    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
    kind: SlotKind
    required: bool = True
    default: Annotated[str | None, Field(max_length=2000)] = None
    choices: Annotated[list[Annotated[str, Field(max_length=2000)]], Field(max_length=50)] = []


class TemplateIn(In):
    name: Annotated[str, Field(min_length=1, max_length=200)]
    platform: Platform | None = None
    """Null: fits every platform."""
    stage: Annotated[str | None, Field(max_length=40)] = None
    tags: Annotated[list[Tag], Field(max_length=50)] = []
    title: Annotated[str, Field(max_length=200)] = ""
    body: Annotated[str, Field(min_length=1, max_length=20_000)]
    slots: Annotated[list[SlotIn], Field(max_length=50)] = []


class TemplateOut(Out):
    id: TemplateId
    name: str
    platform: Platform | None
    stage: str | None
    tags: list[str]
    title: str
    body: str
    slots: list[SlotIn]
    version: int


class ContentPolicyIn(In):
    """What the rule pack needs to know of the brand."""

    industry: Annotated[str, Field(min_length=1, max_length=40)] = "general"
    never_words: dict[
        Annotated[str, Field(min_length=1, max_length=60)], Literal["review", "block"]
    ] = {}
    competitor_words: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=60)]], Field(max_length=500)
    ] = []
    evidence: Annotated[list[Tag], Field(max_length=100)] = []
    """Kinds of proof the brand holds, as the rules name them."""


class ContentPolicyOut(ContentPolicyIn):
    updated_at: datetime | None


class CheckIn(In):
    title: Annotated[str, Field(max_length=200)] = ""
    text: LongText
    platform: Platform
    industry: Annotated[str | None, Field(max_length=40)] = None
    """Null: the brand's own."""


class FindingOut(BaseModel):
    """One breach; `start` and `end` count code points inside `field`."""

    rule_id: str
    severity: Literal["review", "block"]
    field: Literal["title", "text"]
    start: int
    end: int
    matched: str
    evasive: bool
    basis: str
    suggestion: str


class CheckOut(BaseModel):
    verdict: Verdict
    findings: list[FindingOut]
    pack_version: str
