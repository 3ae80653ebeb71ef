"""A time that somebody sends."""

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BeforeValidator

_FIRST = datetime(1, 1, 2, tzinfo=UTC)
_LAST = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


def _within_the_database(at: datetime) -> datetime:
    """The driver keeps the first and the last instant there is as -infinity and infinity, and reads
    these as times without a zone: every list that they are in would fail from then on."""
    if not _FIRST <= at <= _LAST:
        raise ValueError(f"a time from {_FIRST.isoformat()} to {_LAST.isoformat()}")
    return at


def _as_written(given: Any) -> Any:
    """A number would be taken for seconds, a large one for milliseconds, since 1970: which of the
    two was meant nobody knows, and a count of anything else passes for a time."""
    if isinstance(given, int | float) or (isinstance(given, str) and "-" not in given[1:]):
        raise ValueError("a time as 2026-11-28T09:30:00+08:00")
    return given


Instant = Annotated[
    AwareDatetime, BeforeValidator(_as_written), AfterValidator(_within_the_database)
]
