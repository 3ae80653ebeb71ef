"""Runs of the import and what they refused."""

from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKeyConstraint, Identity
from sqlalchemy.orm import Mapped, mapped_column

from account_svc.models.base import Base, OfBrand

HEARTBEAT_LIMIT = timedelta(seconds=60)


class ImportKind(StrEnum):
    UNITS = "units"
    STAFF = "staff"
    ACCOUNTS = "accounts"


class ImportStatus(StrEnum):
    RUNNING = "running"
    FINISHED = "finished"
    REFUSED = "refused"
    """The file as a whole cannot be read."""
    INTERRUPTED = "interrupted"
    """No progress for a minute: sending the file again completes it."""


class ImportRun(OfBrand, Base):
    __tablename__ = "import_run"

    kind: Mapped[ImportKind]
    status: Mapped[ImportStatus]
    rows_read: Mapped[int]
    rows_added: Mapped[int]
    rows_changed: Mapped[int]
    rows_unchanged: Mapped[int]
    rows_refused: Mapped[int]
    started_at: Mapped[datetime]
    progress_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]

    def status_at(self, at: datetime) -> ImportStatus:
        return run_status(self.status, self.progress_at, at)


class ImportProblem(Base):
    """One field of one line that was refused. The reason names the rule, never the value."""

    __tablename__ = "import_problem"
    __table_args__ = (
        ForeignKeyConstraint(["brand_id", "import_id"], ["import_run.brand_id", "import_run.id"]),
    )

    brand_id: Mapped[UUID] = mapped_column(primary_key=True)
    import_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    line: Mapped[int]
    field: Mapped[str]
    reason: Mapped[str]


def run_status(status: ImportStatus, progress_at: datetime, at: datetime) -> ImportStatus:
    """A run whose process died stays `running` in its row; its silence gives it away."""
    if status is ImportStatus.RUNNING and at - progress_at > HEARTBEAT_LIMIT:
        return ImportStatus.INTERRUPTED
    return status
