"""What a check needs to know beyond the text."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from content_svc.compliance.pack import Severity

_PLATFORM_ALIASES = {"xhs": "xiaohongshu"}


class Relation(StrEnum):
    """What the author is to the brand."""

    STAFF = "staff"
    PAID = "paid"
    PARTNER = "partner"
    UNPAID_BUYER = "unpaid_buyer"


@dataclass(frozen=True, slots=True)
class Context:
    """What the text alone does not say."""

    industry: str
    platform: str
    today: date
    relation: Relation = Relation.STAFF
    has_purchase_component: bool = False
    is_ai_generated: bool = False
    is_finance_promotion: bool = False
    """A finance text to be published now, so it needs the institution's approval."""
    platform_labels: frozenset[str] = frozenset()
    """Labels the platform shows beside the post, as its connector reports them."""
    evidence: frozenset[str] = frozenset()
    """Kinds of proof held for the product, as named by the rules."""
    brand_never_words: Mapping[str, Severity] = field(default_factory=dict)
    competitor_words: tuple[str, ...] = ()

    @property
    def platform_id(self) -> str:
        return _PLATFORM_ALIASES.get(self.platform, self.platform)
