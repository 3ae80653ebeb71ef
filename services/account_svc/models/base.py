"""The declarative base and the columns that all tables of a brand share."""

from uuid import UUID

from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from shared.database import naming_convention, type_annotation_map


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=naming_convention)
    type_annotation_map = type_annotation_map


class OfBrand:
    """Mixin: primary key (brand_id, id). Foreign keys carry the brand, for their checks bypass
    row-level security."""

    brand_id: Mapped[UUID] = mapped_column(primary_key=True, sort_order=-2)
    id: Mapped[UUID] = mapped_column(primary_key=True, sort_order=-1)
