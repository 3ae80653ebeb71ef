"""The seam to the social platforms: what a connector can do and what comes of asking it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol
from uuid import UUID

from shared.events.account import Platform


class Ability(StrEnum):
    PUBLISH = "publish"
    READ_METRICS = "read_metrics"
    MASS_MESSAGE = "mass_message"


@dataclass(frozen=True, slots=True)
class Job:
    """One post to bring out, or to go on with after an earlier attempt."""

    brand_id: UUID
    post_id: UUID
    account_id: UUID
    platform: Platform
    handle: str
    title: str
    text: str
    platform_post_id: str | None
    """What the platform named the post in an earlier attempt: it is in review."""
    progress: Mapping[str, Any]
    """What earlier attempts remembered: with anything in it, look up before repeating a call."""
    remember: Callable[[dict[str, Any]], Awaitable[None]]
    """Commit facts to `progress` before or after a call that must not be repeated blindly."""
    list_taken: Callable[[Sequence[str]], Awaitable[set[str]]]
    """Those of these platform ids that already belong to a post."""
    load_video: Callable[[], Awaitable[bytes | None]]
    """The bytes of the draft's first video; None when it has none."""

    @property
    def caption(self) -> str:
        """Title and text as one, for platforms whose posts have no title."""
        return f"{self.title}\n{self.text}" if self.title else self.text


@dataclass(frozen=True, slots=True)
class Published:
    platform_post_id: str
    url: str | None
    published_at: datetime
    delivery: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class InReview:
    """Handed in; the platform has named it and decides later."""

    platform_post_id: str | None


@dataclass(frozen=True, slots=True)
class Refused:
    """It did not go out and will not: `reason` is a stable word."""

    reason: str


Outcome = Published | InReview | Refused


@dataclass(frozen=True, slots=True)
class Reading:
    """Figures read now. A figure the platform does not tell is left out."""

    figures: dict[str, int] = field(default_factory=dict)
    delivery: dict[str, Any] | None = None
    is_gone: bool = False
    """The platform no longer shows the post; there is nothing more to read."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A published post to read figures of."""

    brand_id: UUID
    account_id: UUID
    platform: Platform
    handle: str
    platform_post_id: str
    url: str | None


class TryLater(Exception):
    """Not now, or the outcome is unknown; asked again, the connector looks up before it repeats."""

    def __init__(self, reason: str, *, after: timedelta | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.after = after


class Rejected(Exception):
    """The platform or its credentials refuse for good; `reason` is a stable word."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Connector(Protocol):
    """One platform. Methods raise TryLater or Rejected; anything else is a bug."""

    @property
    def abilities(self) -> frozenset[Ability]: ...

    async def publish(self, job: Job) -> Outcome:
        """Bring the post out, or go on where `job.progress` says an attempt ended."""
        ...

    async def read(self, subject: Subject) -> Reading:
        """The post's figures now."""
        ...
