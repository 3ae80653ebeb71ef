"""Customers and communities of WeCom members who leave: who they are stays here, under the
handover's own ids."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from content_svc.models.base import Base
from shared.database import Aggregate


class MoveStatus(StrEnum):
    LISTED = "listed"
    ASSIGNED = "assigned"
    """To be asked for in the call `call_id`."""
    ASKING = "asking"
    """A call was begun; whether the platform took it is not known."""
    WAITING = "waiting"
    """The platform took it; what came of it is looked up at `look_at`."""
    ANSWERED = "answered"


class ContentHandover(Aggregate, Base):
    """This service's part of a handover, under the handover's id."""

    __tablename__ = "content_handover"

    brand_id: Mapped[UUID] = mapped_column(primary_key=True, sort_order=-2)
    id: Mapped[UUID] = mapped_column(primary_key=True, sort_order=-1)
    cancelled_at: Mapped[datetime | None]
    """The platform is asked for nothing new from then on."""


class MovingKind(StrEnum):
    CUSTOMER = "customer"
    COMMUNITY = "community"
    """A group of customers, by its owner."""


class CustomerBook(Aggregate, Base):
    """The customers and communities of one account in one handover."""

    __tablename__ = "customer_book"
    __table_args__ = (UniqueConstraint("brand_id", "handover_id", "account_id"),)

    brand_id: Mapped[UUID] = mapped_column(primary_key=True, sort_order=-2)
    id: Mapped[UUID] = mapped_column(primary_key=True, sort_order=-1)
    handover_id: Mapped[UUID]
    account_id: Mapped[UUID]
    listed_at: Mapped[datetime | None]


class MovingCustomer(Base):
    """A customer or a community."""

    __tablename__ = "moving_customer"
    __table_args__ = (
        ForeignKeyConstraint(
            ["brand_id", "book_id"], ["customer_book.brand_id", "customer_book.id"]
        ),
        Index("ix_moving_customer_book_id", "book_id", "status", "call_id"),
    )

    brand_id: Mapped[UUID] = mapped_column(primary_key=True, sort_order=-2)
    id: Mapped[UUID] = mapped_column(primary_key=True, sort_order=-1)
    book_id: Mapped[UUID]
    kind: Mapped[MovingKind] = mapped_column(server_default=text("'customer'"))
    """The default is for the version before, which knows customers alone."""
    sealed: Mapped[bytes]
    """The platform's id of it, under the data key whose subject is the book."""
    customer_index: Mapped[bytes]
    status: Mapped[MoveStatus]
    call_id: Mapped[UUID | None]
    taker_account_id: Mapped[UUID | None]
    asked_at: Mapped[datetime | None]
    """When the call was first begun."""
    look_at: Mapped[datetime | None]


class CustomerMove(Base):
    """A move that the platform took: it counts against the limit of the customer or community,
    whatever came of it. Append-only."""

    __tablename__ = "customer_move"
    __table_args__ = (
        Index("ix_customer_move_customer_index", "brand_id", "customer_index", "accepted_at"),
    )

    brand_id: Mapped[UUID] = mapped_column(primary_key=True, sort_order=-2)
    id: Mapped[UUID] = mapped_column(primary_key=True, sort_order=-1)
    customer_index: Mapped[bytes]
    accepted_at: Mapped[datetime]
