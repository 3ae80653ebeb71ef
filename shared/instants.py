"""A time that somebody sends."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime

_FIRST = datetime(1, 1, 2, tzinfo=UTC)
_LAST = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


def _within_the_database(at: datetime) -> datetime:
    """The driver keeps the first and the last instant there is as -infinity and infinity, and reads
    these as times without a zone: every list that they are in would fail from then on."""
    if not _FIRST <= at <= _LAST:
        raise ValueError(f"a time from {_FIRST.isoformat()} to {_LAST.isoformat()}")
    return at


Instant = Annotated[AwareDatetime, AfterValidator(_within_the_database)]
