"""What the product may sign in with on a platform: sealed, refreshed by one holder at a time."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Index
from sqlalchemy.orm import Mapped, mapped_column

from content_svc.models.base import Base
from shared.database import Aggregate
from shared.events.account import Platform


class AuthorizationStatus(StrEnum):
    ACTIVE = "active"
    NEEDS_REAUTHORIZATION = "needs_reauthorization"


class Authorization(Aggregate, Base):
    """Credentials of one account, or of the brand's app on a platform (`account_id` null)."""

    __tablename__ = "platform_authorization"
    __table_args__ = (
        Index(
            "uq_platform_authorization_platform_account_id",
            "brand_id",
            "platform",
            "account_id",
            unique=True,
            postgresql_nulls_not_distinct=True,
        ),
    )

    platform: Mapped[Platform]
    account_id: Mapped[UUID | None]
    status: Mapped[AuthorizationStatus]
    settings: Mapped[dict[str, Any]]
    """What is no secret: corp id, client key, how to deliver."""
    credentials: Mapped[bytes]
    """Sealed JSON under the data key whose subject is this row's id."""
    token_version: Mapped[int] = mapped_column(BigInteger)
    """Rises with every new token, so that a holder of an old one knows it was replaced."""
    expires_at: Mapped[datetime | None]
    """End of the access token; null while there is none yet."""
    refresh_expires_at: Mapped[datetime | None]
    is_extendable: Mapped[bool]
    """False when the platform has renewed the refresh token as often as it does."""
    ended_reason: Mapped[str | None]
    """Why somebody has to consent again."""
    lease_id: Mapped[UUID | None]
    lease_until: Mapped[datetime | None]
    created_at: Mapped[datetime]

    def whose(self) -> dict[str, Any]:
        """What every fact about it carries."""
        return {
            "authorization_id": self.id,
            "platform": self.platform,
            "account_id": self.account_id,
        }

    def facts(self) -> dict[str, Any]:
        """What AuthorizationGranted and AuthorizationRenewed carry: a token that is fetched with a
        secret whenever it is needed has no end that anybody has to know."""
        has_end = self.refresh_expires_at is not None
        return {
            **self.whose(),
            "expires_at": self.expires_at if has_end else None,
            "refresh_expires_at": self.refresh_expires_at,
        }
