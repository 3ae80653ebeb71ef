"""The declarative base of lead_svc."""

from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase

from shared.database import naming_convention, type_annotation_map


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=naming_convention)
    type_annotation_map = type_annotation_map
