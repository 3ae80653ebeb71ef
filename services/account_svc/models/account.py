"""Accounts on the platforms, their life cycle, and the personas they play."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index, false, text
from sqlalchemy.orm import Mapped, mapped_column

from account_svc.errors import TransitionNotAllowed
from account_svc.models.base import Base, OfBrand
from shared.database import Aggregate
from shared.events.account import AccountStatus, Ownership, Platform


class Domain(StrEnum):
    PUBLIC = "public"
    PRIVATE = "private"


class Seat(StrEnum):
    """The account's place in the matrix."""

    BRAND = "brand"
    BUSINESS = "business"
    REGION_STORE = "region_store"
    STORE = "store"
    DEALER = "dealer"
    HQ_STAFF = "hq_staff"
    KOS = "kos"
    KOC = "koc"
    KOL = "kol"


class PersonaKind(StrEnum):
    SHOPPING_ASSISTANT = "shopping_assistant"
    TOPIC_EXPERT = "topic_expert"
    PRIVATE_PARTNER = "private_partner"


TRANSITIONS: dict[AccountStatus, frozenset[AccountStatus]] = {
    AccountStatus.PLANNED: frozenset(
        {AccountStatus.PENDING, AccountStatus.ACTIVE, AccountStatus.RETIRED}
    ),
    AccountStatus.PENDING: frozenset({AccountStatus.ACTIVE, AccountStatus.RETIRED}),
    AccountStatus.ACTIVE: frozenset(
        {
            AccountStatus.RESTRICTED,
            AccountStatus.SUSPENDED,
            AccountStatus.HANDED_OVER,
            AccountStatus.RETIRED,
        }
    ),
    AccountStatus.RESTRICTED: frozenset(
        {
            AccountStatus.ACTIVE,
            AccountStatus.SUSPENDED,
            AccountStatus.HANDED_OVER,
            AccountStatus.RETIRED,
        }
    ),
    AccountStatus.SUSPENDED: frozenset(
        {AccountStatus.ACTIVE, AccountStatus.HANDED_OVER, AccountStatus.RETIRED}
    ),
    AccountStatus.HANDED_OVER: frozenset(
        {
            AccountStatus.ACTIVE,
            AccountStatus.SUSPENDED,
            AccountStatus.HANDED_OVER,
            AccountStatus.RETIRED,
        }
    ),
    AccountStatus.RETIRED: frozenset(),
}
"""Every step of an account's life. A handed-over account is active again once its taker says so;
one who leaves before that hands it on."""

STARTS = frozenset({AccountStatus.PLANNED, AccountStatus.PENDING, AccountStatus.ACTIVE})
"""The statuses an account may be registered with."""


class Account(OfBrand, Aggregate, Base):
    __tablename__ = "account"
    __table_args__ = (
        Index(
            "uq_account_brand_id_platform_handle",
            "brand_id",
            "platform",
            "handle",
            unique=True,
            postgresql_where=text("status <> 'retired'"),
        ),
        Index(
            "uq_account_folded_handle",
            "brand_id",
            "platform",
            text('lower(handle collate "C")'),
            unique=True,
            postgresql_where=text("not is_twin and status <> 'retired'"),
        ),
        Index("ix_account_handle", "handle", "platform", "brand_id"),
        ForeignKeyConstraint(["brand_id", "unit_id"], ["unit.brand_id", "unit.id"]),
        ForeignKeyConstraint(["brand_id", "staff_id"], ["staff.brand_id", "staff.id"]),
        ForeignKeyConstraint(["brand_id", "persona_id"], ["persona.brand_id", "persona.id"]),
        Index("ix_account_unit_id", "unit_id"),
        Index("ix_account_staff_id", "staff_id"),
    )

    platform: Mapped[Platform]
    handle: Mapped[str]
    """What the public and colleagues call it. Upper and lower case are the same, as WeCom says of
    its userids, and no other platform is known to give one name twice in that way. Of accounts
    that are not retired one has it: platforms give a name that was left to somebody else."""
    is_twin: Mapped[bool] = mapped_column(server_default=false())
    """Another has this handle but for upper and lower case, from before that was refused."""
    platform_id: Mapped[str | None]
    """What the platform calls the account in its hooks, as Douyin's open_id. Upper and lower case
    differ: such ids are made by machines, out of all letters."""
    display_name: Mapped[str]
    domain: Mapped[Domain]
    seat: Mapped[Seat]
    unit_id: Mapped[UUID]
    staff_id: Mapped[UUID | None]
    persona_id: Mapped[UUID | None]
    status: Mapped[AccountStatus]
    status_reason: Mapped[str | None]
    status_changed_at: Mapped[datetime]
    ownership: Mapped[Ownership | None]
    """Whose it is when its person leaves; None: nobody has said."""
    ownership_reference: Mapped[str | None]
    """Where that is written: a contract, a signed consent."""

    def become(self, status: AccountStatus, *, reason: str | None, at: datetime) -> None:
        """Take the next step of the life cycle; TransitionNotAllowed if there is no such step."""
        if status not in TRANSITIONS[self.status]:
            raise TransitionNotAllowed(f"an account that is {self.status} cannot become {status}")
        self.status = status
        self.status_reason = reason
        self.status_changed_at = at

    def facts(self, persona_kind: PersonaKind | None) -> dict[str, Any]:
        """What AccountRegistered and AccountChanged carry."""
        return {
            "account_id": self.id,
            "platform": self.platform,
            "handle": self.handle,
            "platform_id": self.platform_id,
            "display_name": self.display_name,
            "domain": self.domain,
            "seat": self.seat,
            "unit_id": self.unit_id,
            "staff_id": self.staff_id,
            "persona_id": self.persona_id,
            "persona_kind": persona_kind,
            "status": self.status,
        }


class AccountChange(OfBrand, Base):
    """One step in an account's life: who, when, why. Append-only."""

    __tablename__ = "account_change"
    __table_args__ = (
        ForeignKeyConstraint(["brand_id", "account_id"], ["account.brand_id", "account.id"]),
        Index("ix_account_change_account_id", "account_id", "id"),
    )

    account_id: Mapped[UUID]
    from_status: Mapped[AccountStatus | None]
    to_status: Mapped[AccountStatus]
    staff_id: Mapped[UUID | None]
    """Who ran the account from then on."""
    reason: Mapped[str | None]
    actor: Mapped[str]
    at: Mapped[datetime]


class Persona(OfBrand, Base):
    """The role that the public meets; one persona plays on a public and a private account."""

    __tablename__ = "persona"

    kind: Mapped[PersonaKind]
    name: Mapped[str]
    bio: Mapped[str]
    tone: Mapped[str]
    taboo_words: Mapped[list[str]]
    interests: Mapped[list[str]]
    name_pattern: Mapped[str | None]
    picture_hash: Mapped[str | None]
    created_at: Mapped[datetime]
