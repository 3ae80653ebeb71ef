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
    """Of a person outside, from before there is proof that they bought, or bought again since they
    left the staff."""


class RelationKind(StrEnum):
    BOUGHT = "bought"
    POSTED_UNPAID = "posted_unpaid"
    PARTNERED = "partnered"
    PAID = "paid"
    HIRED = "hired"
    PAID_UNTIL = "paid_until"
    HIRED_UNTIL = "hired_until"
    """The ends of the two above. The day of an end is the last day of the relation."""


@dataclass(frozen=True, slots=True)
class Relation:
    kind: RelationKind
    happened_on: date


@dataclass(frozen=True, slots=True)
class Spell:
    """A time in which somebody was paid, or hired: both days belong to it."""

    kind: RelationKind
    since: date
    until: date | None

    def covers(self, day: date) -> bool:
        return self.since <= day and (self.until is None or day <= self.until)


START_OF = {
    RelationKind.PAID_UNTIL: RelationKind.PAID,
    RelationKind.HIRED_UNTIL: RelationKind.HIRED,
}


def spells(history: Iterable[Relation], kind: RelationKind) -> list[Spell]:
    """The times of being paid, or hired, oldest first. An end closes what began until its day; an
    end with nothing to close counts for nothing, so that the order of telling does not matter."""
    facts = list(history)
    starts = sorted(each.happened_on for each in facts if each.kind is kind)
    ends = sorted(each.happened_on for each in facts if START_OF.get(each.kind) is kind)
    found: list[Spell] = []
    for since in starts:
        if found and found[-1].covers(since):
            continue
        until = next((end for end in ends if since <= end), None)
        found.append(Spell(kind, since, until))
    return found


def class_on(history: Iterable[Relation], day: date) -> AuthorClass:
    """The class from the first moment of the day, by the calendar of the stores. Pure.

    While hired KOS, while paid KOL. After the end it follows from what the public would want to
    know of the author of a post:
    - Who was hired is no staff any more from the next day.
    - Who was paid stays a KOL: an end alone makes nobody a buyer like any other, since what they
      speak of may still be what they were paid with. An influencer, paid before any proof that
      they bought, stays one for good; a buyer who was paid is a KOC again, for the posts from
      then on, once they buy again after the last day on which they were paid or hired.
    - A purchase from before that day proves nothing of the time after it. Without one since then
      somebody who left is unproven.
    Posts made while paid or hired keep their class: it is that of their own day."""
    known = [each for each in history if each.happened_on <= day]
    paid, hired = spells(known, RelationKind.PAID), spells(known, RelationKind.HIRED)
    if any(each.covers(day) for each in hired):
        return AuthorClass.KOS
    if any(each.covers(day) for each in paid):
        return AuthorClass.KOL
    ended = max((each.until for each in (*paid, *hired) if each.until is not None), default=None)
    bought = [each.happened_on for each in known if each.kind is RelationKind.BOUGHT]
    is_buyer = any(ended is None or each > ended for each in bought)
    was_buyer = any(each < paid[0].since for each in bought) if paid else True
    if paid and not (is_buyer and was_buyer):
        return AuthorClass.KOL
    if any(each.kind is RelationKind.PARTNERED for each in known):
        return AuthorClass.PARTNER
    return AuthorClass.KOC if is_buyer else AuthorClass.UNPROVEN


def class_at(history: Iterable[Relation], at: datetime) -> AuthorClass:
    return class_on(history, day_of(at))


def day_of(at: datetime) -> date:
    return at.astimezone(_ZONE).date()


def bound_on(history: Iterable[Relation], day: date) -> Spell | None:
    """What makes a post of theirs on that day no unpaid one."""
    facts = list(history)
    bound = [*spells(facts, RelationKind.PAID), *spells(facts, RelationKind.HIRED)]
    return next((each for each in bound if each.covers(day)), None)


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
