"""People outside the brand who speak for it, the history of their relation to it, and the class
that this gives them and their posts at any moment."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import Field
from sqlalchemy import ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from account_svc.models.base import Base, OfBrand
from account_svc.models.facts import Facts, Name, Phone

_ZONE = ZoneInfo("Asia/Shanghai")


class AuthorClass(StrEnum):
    """As whom somebody speaks for the brand."""

    BRAND = "brand"
    """An account of the brand or of a unit, run by nobody in person."""
    KOS = "kos"
    KOL = "kol"
    PARTNER = "partner"
    KOC = "koc"
    UNPROVEN = "unproven"
    """Of a person outside, from before there is proof that they bought."""


class RelationKind(StrEnum):
    BOUGHT = "bought"
    POSTED_UNPAID = "posted_unpaid"
    PARTNERED = "partnered"
    PAID = "paid"
    HIRED = "hired"


@dataclass(frozen=True, slots=True)
class Relation:
    kind: RelationKind
    happened_on: date


_CLASSES = (
    (RelationKind.HIRED, AuthorClass.KOS),
    (RelationKind.PAID, AuthorClass.KOL),
    (RelationKind.PARTNERED, AuthorClass.PARTNER),
    (RelationKind.BOUGHT, AuthorClass.KOC),
)
"""The first that holds decides. From being paid or hired there is no way back to KOC: whoever was
once paid is no buyer like any other any more."""


def class_on(history: Iterable[Relation], day: date) -> AuthorClass:
    """The class from the first moment of the day, by the calendar of the stores. Pure."""
    since = {each.kind for each in history if each.happened_on <= day}
    return next((found for kind, found in _CLASSES if kind in since), AuthorClass.UNPROVEN)


def class_at(history: Iterable[Relation], at: datetime) -> AuthorClass:
    return class_on(history, day_of(at))


def day_of(at: datetime) -> date:
    return at.astimezone(_ZONE).date()


def bound_since(history: Iterable[Relation]) -> Relation | None:
    """The first fact from which a post of theirs is no unpaid one any more."""
    bound = [each for each in history if each.kind in (RelationKind.PAID, RelationKind.HIRED)]
    return min(bound, key=lambda each: each.happened_on, default=None)


class AdvocateFacts(Facts):
    name: Name
    phone: Phone | None = None


class RelationFacts(Facts):
    kind: RelationKind
    happened_on: date
    proof: Annotated[str, Field(min_length=1, max_length=500)]
    """What shows it: an order, a link, a contract."""


class Advocate(OfBrand, Base):
    """A person outside the brand. What is personal is sealed with the person's own data key."""

    __tablename__ = "advocate"
    __table_args__ = (
        UniqueConstraint("brand_id", "phone_index"),
        ForeignKeyConstraint(["brand_id", "unit_id"], ["unit.brand_id", "unit.id"]),
        Index("ix_advocate_unit_id", "unit_id"),
    )

    unit_id: Mapped[UUID]
    """Who keeps in touch with them."""
    name_sealed: Mapped[bytes]
    phone_sealed: Mapped[bytes | None]
    phone_index: Mapped[bytes | None]
    added_by: Mapped[str]
    added_at: Mapped[datetime]


class AdvocateRelation(OfBrand, Base):
    """A dated fact of the relation. A wrong one is withdrawn and stays to be seen."""

    __tablename__ = "advocate_relation"
    __table_args__ = (
        ForeignKeyConstraint(["brand_id", "advocate_id"], ["advocate.brand_id", "advocate.id"]),
        Index("ix_advocate_relation_advocate_id", "advocate_id", "id"),
    )

    advocate_id: Mapped[UUID]
    kind: Mapped[RelationKind]
    happened_on: Mapped[date]
    proof_sealed: Mapped[bytes]
    recorded_by: Mapped[str]
    recorded_at: Mapped[datetime]
    withdrawn_by: Mapped[str | None]
    withdrawn_at: Mapped[datetime | None]
    withdrawn_because: Mapped[str | None]


class AdvocateAccount(Base):
    """The account belongs to the advocate."""

    __tablename__ = "advocate_account"
    __table_args__ = (
        ForeignKeyConstraint(["brand_id", "account_id"], ["account.brand_id", "account.id"]),
        ForeignKeyConstraint(["brand_id", "advocate_id"], ["advocate.brand_id", "advocate.id"]),
        Index("ix_advocate_account_advocate_id", "brand_id", "advocate_id"),
    )

    brand_id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(primary_key=True)
    advocate_id: Mapped[UUID]
    linked_by: Mapped[str]
    linked_at: Mapped[datetime]


class PostAuthor(OfBrand, Base):
    """The class a post was made in, as it was known at publication; `id` is the post's.
    Append-only: what the history says since is worked out beside it."""

    __tablename__ = "post_author"
    __table_args__ = (Index("ix_post_author_account_id", "brand_id", "account_id", "id"),)

    account_id: Mapped[UUID]
    staff_id: Mapped[UUID | None]
    unit_id: Mapped[UUID]
    author_class: Mapped[AuthorClass]
    published_at: Mapped[datetime]
