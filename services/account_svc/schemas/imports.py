"""What an import tells of itself."""

from datetime import datetime
from typing import Any

import asyncpg
from pydantic import BaseModel

from account_svc.models import ImportKind, ImportStatus, run_status
from shared.ids import ImportId, typed


class ImportProblemOut(BaseModel):
    line: int
    field: str
    """Empty when the line as a whole cannot be read."""
    reason: str


class ImportOut(BaseModel):
    """Progress while it runs, the report afterwards; `problems` holds the first thousand."""

    id: ImportId
    kind: ImportKind
    status: ImportStatus
    rows_read: int
    rows_added: int
    rows_changed: int
    rows_unchanged: int
    rows_refused: int
    problems: list[ImportProblemOut]
    started_at: datetime
    finished_at: datetime | None


def import_json(
    row: asyncpg.Record, problems: list[asyncpg.Record], at: datetime
) -> dict[str, Any]:
    """A row of SELECT_RUN in the shape of ImportOut."""
    shaped = {
        **row,
        "id": typed("import", row["id"]),
        "status": run_status(ImportStatus(row["status"]), row["progress_at"], at),
        "problems": [dict(problem) for problem in problems],
    }
    del shaped["progress_at"]
    return shaped
