"""The library: assets, templates with typed slots, and what the brand holds every text to."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Index
from sqlalchemy.orm import Mapped, mapped_column

from content_svc.models.base import Base
from shared.events.account import Platform


class AssetKind(StrEnum):
    IMAGE = "image"
    VIDEO = "video"


class SlotKind(StrEnum):
    TEXT = "text"
    CITY = "city"
    STORE = "store"
    SELLER = "seller"
    PRICE = "price"
    CHOICE = "choice"


class Asset(Base):
    """An image or video; the bytes lie in the object store under `path`."""

    __tablename__ = "asset"
    __table_args__ = (Index("ix_asset_brand_id_id", "brand_id", "id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    brand_id: Mapped[UUID]
    kind: Mapped[AssetKind]
    name: Mapped[str]
    media_type: Mapped[str]
    bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str]
    tags: Mapped[list[str]]
    licensed_until: Mapped[date | None]
    path: Mapped[str]
    created_at: Mapped[datetime]


class Template(Base):
    """A text with `{{slot}}` places; `[[…]]` marks a block that a seller may word anew."""

    __tablename__ = "template"
    __table_args__ = (
        Index("ix_template_brand_id_id", "brand_id", "id"),
        Index("ix_template_tags", "tags", postgresql_using="gin"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    brand_id: Mapped[UUID]
    version: Mapped[int] = mapped_column(BigInteger)
    name: Mapped[str]
    platform: Mapped[Platform | None]
    stage: Mapped[str | None]
    tags: Mapped[list[str]]
    title: Mapped[str]
    body: Mapped[str]
    slots: Mapped[list[dict[str, Any]]]
    created_at: Mapped[datetime]


class ContentPolicy(Base):
    """What the rule pack needs to know of the brand; a brand without a row has the defaults."""

    __tablename__ = "content_policy"

    brand_id: Mapped[UUID] = mapped_column(primary_key=True)
    industry: Mapped[str]
    never_words: Mapped[dict[str, Any]]
    competitor_words: Mapped[list[str]]
    evidence: Mapped[list[str]]
    updated_at: Mapped[datetime]
