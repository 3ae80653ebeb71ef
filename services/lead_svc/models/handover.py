"""What somebody who leaves had in leads and contacts, and how far it is with others."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Mapped, mapped_column

from lead_svc.models.base import Base
from shared.database import Aggregate


class LeadHandover(Aggregate, Base):
    """This service's part of a handover, under the handover's id."""

    __tablename__ = "lead_handover"

    brand_id: Mapped[UUID] = mapped_column(primary_key=True, sort_order=-2)
    id: Mapped[UUID] = mapped_column(primary_key=True, sort_order=-1)
    staff_id: Mapped[UUID]
    taker_ids: Mapped[list[UUID]]
    leads: Mapped[int]
    contacts: Mapped[int]
    finished_at: Mapped[datetime | None]
