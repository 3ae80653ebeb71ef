"""The one place that reads the time: aware UTC."""

from datetime import UTC, datetime


def now() -> datetime:
    return datetime.now(UTC)
