"""Keys of systems that call the platform without a person."""

from datetime import datetime, timedelta

from sqlalchemy import UniqueConstraint
from sqlalchemy.orm import Mapped

from account_svc.models.base import Base, OfBrand
from shared.access import Role

LAST_USE_GRAIN = timedelta(minutes=1)


class ApiKey(OfBrand, Base):
    __tablename__ = "api_key"
    __table_args__ = (UniqueConstraint("prefix"),)

    name: Mapped[str]
    role: Mapped[Role]
    scopes: Mapped[list[str]]
    prefix: Mapped[str]
    """`kos_live_` and the key's public id: enough to find a key, not to use it."""
    secret_hash: Mapped[bytes]
    created_by: Mapped[str]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]

    def is_usable(self, at: datetime) -> bool:
        return self.revoked_at is None and (self.expires_at is None or at < self.expires_at)

    def is_use_worth_noting(self, at: datetime) -> bool:
        return self.last_used_at is None or at - self.last_used_at >= LAST_USE_GRAIN
