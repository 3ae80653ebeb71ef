"""What may be said about a unit, a person, an account: the bounds of each value.

Bodies of requests and rows of imports are both checked against these.
"""

import re
from typing import Annotated, Self

import phonenumbers
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from account_svc.models.account import Domain, PersonaKind, Seat
from account_svc.models.formula import LONGEST, check_formula
from account_svc.models.incentive import LARGEST_REWARD, Currency, Trigger
from shared.events.account import Platform, UnitKind
from shared.instants import Instant

Name = Annotated[str, Field(min_length=1, max_length=200)]
Code = Annotated[str, Field(min_length=1, max_length=100)]
Word = Annotated[str, Field(min_length=1, max_length=100)]
Words = Annotated[list[Word], Field(max_length=100)]
TimeOfDay = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
"""`HH:MM` by the clocks of Asia/Shanghai."""


_MAINLAND_MOBILE = re.compile(r"1[3-9][0-9]{9}")


def normal_phone(text: str) -> str:
    """A number as E.164; without a country code it is a Chinese one."""
    digits = text.strip()
    if _MAINLAND_MOBILE.fullmatch(digits):  # by far the most common, and ten times faster so
        return f"+86{digits}"
    try:
        number = phonenumbers.parse(digits, "CN")
    except phonenumbers.NumberParseException as error:
        raise ValueError("not a phone number") from error
    if not phonenumbers.is_valid_number(number):
        raise ValueError("not a phone number")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


Phone = Annotated[str, Field(max_length=30), AfterValidator(normal_phone)]


class Facts(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class UnitFacts(Facts):
    """What a unit is, apart from its place in the tree."""

    kind: UnitKind
    code: Code
    name: Name
    city_code: Annotated[str, Field(max_length=20)] | None = None
    city: Annotated[str, Field(max_length=100)] | None = None
    latitude: Annotated[float, Field(ge=-90, le=90)] | None = None
    longitude: Annotated[float, Field(ge=-180, le=180)] | None = None
    opens_at: TimeOfDay | None = None
    closes_at: TimeOfDay | None = None


class StaffFacts(Facts):
    """Who a person is and what they can do, apart from where they work."""

    code: Code
    name: Name
    phone: Phone | None = None
    is_seller: bool = True
    open_lead_capacity: Annotated[int, Field(ge=0, le=10_000)] = 20
    skills: Words = []
    product_lines: Words = []
    languages: Words = []
    tier: Word = "standard"


class AccountFacts(Facts):
    """What an account is, apart from who runs it."""

    platform: Platform
    handle: Annotated[str, Field(min_length=1, max_length=200)]
    platform_id: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    display_name: Name
    domain: Domain
    seat: Seat


_PLACEHOLDER = re.compile(r"\{[^{}]*\}|[{}]")
_PLACEHOLDERS = ("{persona}", "{store}", "{city}")
PictureHash = Annotated[str, Field(pattern="^[0-9a-f]{16}$")]
"""64 bits of a perceptual hash (pHash), so that a picture is known again after a platform has
scaled it."""


class PersonaFacts(Facts):
    kind: PersonaKind
    name: Name
    name_pattern: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    """What its accounts are called, such as `{persona}·{store}`."""
    picture_hash: PictureHash | None = None
    bio: Annotated[str, Field(max_length=2_000)] = ""
    tone: Annotated[str, Field(max_length=500)] = ""
    taboo_words: Words = []
    interests: Words = []

    @field_validator("name_pattern")
    @classmethod
    def _placeholders_are_known(cls, pattern: str | None) -> str | None:
        for found in _PLACEHOLDER.findall(pattern or ""):
            if found not in _PLACEHOLDERS:
                raise ValueError(f"only {', '.join(_PLACEHOLDERS)} stand in braces")
        return pattern


class ProfileFacts(Facts):
    """An account as somebody, or a connector, saw it; what was not looked at is left out."""

    name: Name
    bio: Annotated[str, Field(max_length=2_000)] | None = None
    picture_hash: PictureHash | None = None
    store: Name | None = None
    """The store that the profile names."""
    tone_score: Annotated[int, Field(ge=0, le=100)] | None = None
    """How well its posts keep the persona's tone."""
    interests: Words | None = None
    """Of its fans, as the platform tells them."""


class RuleFacts(Facts):
    """What a trigger pays. `amount` is points or fen; `rate_bp` is of a deal's amount, in basis
    points: fen per 10,000 fen, or points per 10,000 yuan."""

    trigger: Trigger
    amount: Annotated[int, Field(ge=0, le=1_000_000_000)] = 0
    rate_bp: Annotated[int, Field(ge=0, le=10_000)] = 0
    formula: Annotated[str, Field(min_length=1, max_length=LONGEST)] | None = None
    """Pays instead of both, over the facts that the trigger tells: `20 if grade == "A" else 10`."""
    monthly_budget: Annotated[int, Field(ge=0, le=LARGEST_REWARD * 1000)] | None = None
    """What the brand pays out for the trigger in a month, in the currency's unit."""
    currency: Currency
    valid_from: Instant | None = None
    """Left out: from now on."""
    is_active: bool = True

    @field_validator("formula")
    @classmethod
    def _formula_fits(cls, formula: str | None, info: ValidationInfo) -> str | None:
        if formula is not None and "trigger" in info.data:
            check_formula(info.data["trigger"], formula)
            if info.data.get("amount") or info.data.get("rate_bp"):
                raise ValueError("a formula pays instead of an amount and a rate, not beside them")
        return formula

    @model_validator(mode="after")
    def _quality_is_measured(self) -> Self:
        if self.trigger is Trigger.POST_QUALITY and self.formula is None and self.is_active:
            raise ValueError("only a formula says from which figures on a post is paid for quality")
        return self

    @model_validator(mode="after")
    def _rate_is_of_a_deal(self) -> Self:
        if self.rate_bp and self.trigger is not Trigger.DEAL_WON:
            raise ValueError("only a deal has an amount to take a rate of")
        return self
