"""Moving what a WeCom member has to another member in service: what all kinds of it share."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Whose:
    brand_id: UUID


@dataclass(frozen=True, slots=True)
class Answer:
    outcome: str
    """`accepted`: moves unless the customer refuses; `moved`: is with the taker; or why not."""
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Result:
    outcome: str
    """`waiting`, or how it ended."""
    takes_effect_at: datetime | None


class Moves(Protocol):
    """One kind of thing that members have; things go by the platform's ids.

    Calls take no idempotency key: after a lost answer `results` says what the platform did.
    """

    async def list_of(self, brand_id: UUID, userid: str, /) -> list[str]: ...

    async def move(
        self, brand_id: UUID, giver: str, taker: str, things: list[str], /
    ) -> dict[str, Answer]: ...

    async def results(self, brand_id: UUID, giver: str, taker: str, /) -> dict[str, Result]:
        """The newest result of each thing that went, or may go, from one member to the other."""
        ...
