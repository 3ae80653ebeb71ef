"""How promising a lead is: a table of rules with points, and the reasons they give."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

INTENT_WORDS = (
    "价格", "多少钱", "报价", "优惠", "试驾", "试用", "预约", "到店", "门店地址", "现车", "购买",
    "下单", "分期", "套餐", "报名",
)  # fmt: skip
"""Words of somebody about to buy (from the brands' sales scripts); found in notes and keywords."""

GRADES = ((70, "A"), (50, "B"), (30, "C"), (0, "D"))


@dataclass(frozen=True, slots=True)
class Signals:
    has_phone: bool
    has_private_contact: bool
    """WeChat, or a WeCom friend."""
    has_post: bool
    has_account: bool
    has_unit: bool
    product: str | None
    city: str | None
    words: str
    """Note and keyword, to look for intent in."""
    earlier_leads: int
    has_consent: bool


@dataclass(frozen=True, slots=True)
class Rule:
    name: str
    points: int
    because: str
    applies: Callable[[Signals], bool]


RULES = (
    Rule("phone", 30, "留下了手机号", lambda s: s.has_phone),
    Rule("private_contact", 20, "留下了微信或已加企业微信", lambda s: s.has_private_contact),
    Rule("intent_word", 20, "咨询内容含购买意向词", lambda s: _has_intent(s.words)),
    Rule("own_post", 15, "来自本品牌发布的内容", lambda s: s.has_post),
    Rule("own_account", 5, "来自本品牌账号", lambda s: s.has_account and not s.has_post),
    Rule("product", 10, "说明了想要的产品", lambda s: bool(s.product)),
    Rule("place", 10, "说明了城市或门店", lambda s: bool(s.city) or s.has_unit),
    Rule("returning", 10, "此前咨询过", lambda s: s.earlier_leads > 0),
    Rule("consent", 5, "已同意联系", lambda s: s.has_consent),
)


@dataclass(frozen=True, slots=True)
class Score:
    """`points` from 0 to 100; `reasons` are the rules that applied, as they are stored."""

    points: int
    grade: str
    reasons: list[dict[str, Any]]


def score(signals: Signals) -> Score:
    applied = [rule for rule in RULES if rule.applies(signals)]
    points = min(100, sum(rule.points for rule in applied))
    return Score(
        points=points,
        grade=next(grade for least, grade in GRADES if points >= least),
        reasons=[
            {"rule": rule.name, "points": rule.points, "because": rule.because} for rule in applied
        ],
    )


def _has_intent(words: str) -> bool:
    return any(word in words for word in INTENT_WORDS)
