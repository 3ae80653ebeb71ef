"""Subscriptions, fed from Kafka: the events of the brand that the caller may see, as they come."""

import asyncio
import time
from collections.abc import AsyncGenerator
from typing import Any

import strawberry

from gateway.context import Info, find
from gateway.feed import Changed, Queued
from gateway.relations import to_one
from gateway.rows import Kind, row_of
from gateway.schema.accounts import UNITS, Staff, Unit
from gateway.schema.content import CAMPAIGNS, Campaign
from gateway.schema.fields import live
from gateway.schema.lead_values import OfferStatus
from gateway.schema.leads import LEADS, OFFERS, Lead, Offer
from gateway.schema.race import RaceStanding, standings
from gateway.schema.scalars import Instant
from gateway.upstream import Refused
from shared.events import Event
from shared.events.account import IncentiveEvent
from shared.events.content import CampaignEvent, DraftEvent, PostEvent
from shared.events.lead import LeadEvent, LeadOffered
from shared.ids import parse_id, typed

TOPICS = ("kos.campaign", "kos.draft", "kos.incentive", "kos.lead", "kos.post")
"""What the subscriptions are fed from."""

_PAUSE_SECONDS = 0.5
"""Figures are read anew at most this often, however many events come."""
_SIGHT_SECONDS = 60.0


@strawberry.type(description="Something happened to a lead.")
class LeadChange:
    id: strawberry.ID = strawberry.field(description="Of the event; the same when it is repeated.")
    type: str = strawberry.field(description="The event's type, as `kos.lead.accepted.v1`.")
    occurred_at: Instant
    lead_id: strawberry.Private[str]
    staff_id: strawberry.Private[str | None]
    unit_id: strawberry.Private[str | None]
    lead: Lead | None = to_one("lead_id", "lead")
    staff: Staff | None = to_one("staff_id", "staff")
    unit: Unit | None = to_one("unit_id", "unit")


class Sight:
    """Whether a caller may see an event: the same extent as in the services."""

    def __init__(self, info: Info) -> None:
        self._context = info.context
        self._extent = info.context.caller.principal.extent
        self._units: dict[str, tuple[float, bool]] = {}

    async def sees(self, event: Event) -> bool:
        if self._extent.is_whole_brand:
            return True
        staff_id, unit_id = getattr(event, "staff_id", None), getattr(event, "unit_id", None)
        if self._extent.staff_id is not None:
            return bool(staff_id == self._extent.staff_id)
        return unit_id is not None and await self._is_below(typed("unit", unit_id))

    async def _is_below(self, unit_id: str) -> bool:
        known = self._units.get(unit_id)
        if known is not None and time.monotonic() - known[0] < _SIGHT_SECONDS:
            return known[1]
        mine = {typed("unit", own) for own in self._extent.unit_ids or ()}
        rows = await self._context.by_ids(UNITS, [unit_id])
        answer = any(not mine.isdisjoint([row.id, *row.ancestor_ids]) for row in rows)
        self._units[unit_id] = (time.monotonic(), answer)
        return answer


@strawberry.type
class Subscription:
    @live("Offers to the caller's sellers, as they are made.")
    async def offers(self, info: Info) -> AsyncGenerator[Offer, None]:
        sight, queue = Sight(info), Queued([LeadOffered])
        context = info.context
        with context.feed.listening(context.caller.principal.brand_id, queue):
            await _require(info, OFFERS)
            async for received in queue.events():
                event = received.event
                assert isinstance(event, LeadOffered)
                if await sight.sees(event):
                    context.forget()
                    row: Any = row_of(Offer)(
                        id=typed("offer", event.offer_id),
                        status=OfferStatus.OPEN,
                        attempt=event.attempt,
                        offered_at=received.occurred_at.isoformat(),
                        expires_at=event.expires_at.isoformat(),
                        lead_id=typed("lead", event.lead_id),
                        staff_id=typed("staff", event.staff_id),
                        unit_id=typed("unit", event.unit_id),
                    )
                    yield row

    @live("Whatever happens to the leads the caller may see.")
    async def leads(self, info: Info) -> AsyncGenerator[LeadChange, None]:
        sight, queue = Sight(info), Queued([LeadEvent])
        context = info.context
        with context.feed.listening(context.caller.principal.brand_id, queue):
            await _require(info, LEADS)
            async for received in queue.events():
                event = received.event
                assert isinstance(event, LeadEvent)
                if await sight.sees(event):
                    context.forget()
                    staff_id = getattr(event, "staff_id", None)
                    unit_id = getattr(event, "unit_id", None)
                    yield LeadChange(
                        id=strawberry.ID(str(received.event_id)),
                        type=event.type,
                        occurred_at=Instant(received.occurred_at.isoformat()),
                        lead_id=event.subject,
                        staff_id=None if staff_id is None else typed("staff", staff_id),
                        unit_id=None if unit_id is None else typed("unit", unit_id),
                    )

    @live("The campaign now and whenever its figures move.")
    async def campaign_progress(
        self, info: Info, campaign_id: strawberry.ID
    ) -> AsyncGenerator[Campaign, None]:
        wanted = _campaign(campaign_id)

        def concerns(event: Event) -> bool:
            return (
                isinstance(event, CampaignEvent | DraftEvent | PostEvent)
                and event.campaign_id == wanted
            )

        context, changed = info.context, Changed(concerns)
        with context.feed.listening(context.caller.principal.brand_id, changed):
            while True:
                context.forget()
                campaign = await find(info, CAMPAIGNS, campaign_id)
                if campaign is None:
                    raise _not_found()
                yield campaign
                await asyncio.sleep(_PAUSE_SECONDS)
                await changed.wait()

    @live("The race of a month, now and whenever it moves.")
    async def leaderboard(
        self, info: Info, period: str, first: int = 10, league: str | None = None
    ) -> AsyncGenerator[list[RaceStanding], None]:
        context = info.context
        changed = Changed(lambda event: isinstance(event, IncentiveEvent))
        with context.feed.listening(context.caller.principal.brand_id, changed):
            while True:
                context.forget()
                yield await standings(info, period, first, league)
                await asyncio.sleep(_PAUSE_SECONDS)
                await changed.wait()


async def _require(info: Info, kind: Kind[Any]) -> None:
    """Ask the service whether the caller may read this kind at all; raises Refused.

    Extents are kept by `Sight`; roles and scopes are the service's to know.
    """
    await info.context.by_ids(kind, [])


def _campaign(text: str) -> object:
    try:
        return parse_id(CAMPAIGNS.prefix, text)
    except ValueError:
        raise _not_found() from None


def _not_found() -> Refused:
    return Refused(404, "not_found", "no such campaign", "/campaign_id")
