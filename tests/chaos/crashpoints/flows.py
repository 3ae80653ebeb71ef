"""The two pieces of work whose I/O is cut: a lead to its webhooks, a campaign to its posts.

A flow is played through the public surface, by a client that repeats what got no answer; it is
over when everything that follows from it is there. What is there is looked up in the tables.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

import asyncpg

from deploy.local.demo import brand as demo_brand
from tests.chaos.actors.leads import send_generic
from tests.chaos.brands import CAMPAIGN_TARGET
from tests.chaos.checker.collecting import database_url
from tests.chaos.checker.evidence import SERVICES
from tests.chaos.checker.typeid import typed, uuid_of
from tests.chaos.ledger import Reading
from tests.chaos.workload import Workload

FLOW_SECONDS = 90.0
_LOOK_SECONDS = 0.05
_VIDEO = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom" + bytes(512)


class NotDone(Exception):
    """A flow did not come to its end; the message says what was missing."""


@dataclass
class Tables:
    """Reads the tables of every brand, past row-level security."""

    connections: dict[str, asyncpg.Connection] = field(default_factory=dict)
    locks: dict[str, asyncio.Lock] = field(default_factory=dict)

    async def open(self, admin_url: str, stack: AsyncExitStack) -> None:
        for service in SERVICES:
            connection = await asyncpg.connect(database_url(admin_url, service))
            stack.push_async_callback(connection.close)
            self.connections[service] = connection
            self.locks[service] = asyncio.Lock()

    async def rows(self, service: str, statement: str, *values: Any) -> list[Any]:
        async with self.locks[service]:
            found: list[Any] = await self.connections[service].fetch(statement, *values)
            return found

    async def row(self, service: str, statement: str, *values: Any) -> Any:
        """The first row, or None."""
        rows = await self.rows(service, statement, *values)
        return rows[0] if rows else None

    async def value(self, service: str, statement: str, *values: Any) -> Any:
        row = await self.row(service, statement, *values)
        return None if row is None else row[0]

    async def waiting(self, brand_id: UUID) -> str:
        """What of the brand's events is on its way or stuck, in words; empty when nothing is."""
        found = []
        for service in SERVICES:
            outbox, parked = await self.row(
                service,
                "select (select count(*) from outbox where brand_id = $1), "
                "(select count(*) from parked where brand_id = $1)",
                brand_id,
            )
            if outbox:
                found.append(f"{outbox} in the outbox of {service}")
            if parked:
                found.append(f"{parked} parked in {service}")
        return ", ".join(found)


class Flow(Protocol):
    async def play(self) -> list[str]:
        """From the first request to the last effect; ids by which anomalies can be told."""


@dataclass
class LeadFlow:
    """Hook, capture, qualification, routing, offer, acceptance, ledger, outcome, webhooks."""

    tables: Tables
    workload: Workload

    async def play(self) -> list[str]:
        load = self.workload
        load.number += 1
        source_id = f"{load.own.tag}-lead-{load.number}"
        seller = load.own.brand.people[load.number % len(load.own.brand.people)]
        await send_generic(
            load, source_id, load.own.canaries.person(), seller.handle, load.own.canaries.word()
        )
        offers: list[Any] = []
        await _until(source_id, lambda: self._no_offer(source_id, offers))
        offer = offers[0]
        lead_id, offer_id, staff_id = (
            typed(prefix, offer[name])
            for prefix, name in (("lead", "lead_id"), ("offer", "id"), ("staff", "staff_id"))
        )
        accepted = await load.mutate(
            "accept",
            "acceptLead",
            "Lead",
            "id",
            {"id": lead_id},
            token=load.own.brand.seller_token(staff_id),
            lead_id=lead_id,
            offer_id=offer_id,
            staff_id=staff_id,
        )
        _require(accepted, f"acceptance of {source_id}")
        await _until(source_id, lambda: self._missing(offer["lead_id"], lead_id))
        return [source_id, lead_id, str(offer["lead_id"])]

    async def _no_offer(self, source_id: str, offers: list[Any]) -> str:
        offers += await self.tables.rows(
            "lead",
            "select o.id, o.staff_id, o.lead_id from lead l join offer o on o.id = l.offer_id "
            "where l.source_lead_id = $1 and o.status = 'open'",
            source_id,
        )
        return "" if offers else "not offered"

    async def _missing(self, row_id: UUID, lead_id: str) -> str:
        version, delivered, pending = await self.tables.row(
            "lead",
            "select version, (select count(*) from webhook_delivery d "
            "where d.subject = $2 and d.status = 'delivered'), "
            "(select count(*) from webhook_delivery d where d.brand_id = l.brand_id "
            "and d.status = 'pending') from lead l where id = $1",
            row_id,
            lead_id,
        )
        if delivered < version or pending:
            return f"{delivered} of {version} webhooks delivered, {pending} pending"
        if not await self.tables.value(
            "account", "select count(*) from ledger_entry where cause = $1", lead_id
        ):
            return "no entry in the ledger"
        if not await self.tables.value(
            "content",
            "select count(*) from lead_outcome where lead_id = $1 and is_accepted",
            row_id,
        ):
            return "no outcome"
        return await self.tables.waiting(_brand_id(self.workload))


@dataclass
class CampaignFlow:
    """Launch, planning, drafts, checks, posts by API and by handoff, what follows from them."""

    tables: Tables
    workload: Workload
    template_id: str = ""
    asset_id: str = ""

    async def prepare(self) -> None:
        template = await self.workload.mutate(
            "template",
            "addTemplate",
            "Template",
            "id",
            {
                "name": (name := self.workload.own.canaries.word()),
                "title": demo_brand.TEMPLATE_TITLE,
                "body": demo_brand.TEMPLATE_BODY,
                "slots": [
                    {**slot, "kind": slot["kind"].upper()} for slot in demo_brand.TEMPLATE_SLOTS
                ],
            },
            name=name,
        )
        _require(template, "the template")
        self.template_id = template.result["id"]
        client = self.workload.own.brand.client
        asset = await client.send(
            "POST",
            f"{client.urls.content}/assets?name=showroom.mp4&kind=video",
            content=_VIDEO,
            media_type="video/mp4",
        )
        self.asset_id = asset["id"]

    async def play(self) -> list[str]:
        load = self.workload
        load.number += 1
        code = f"c-{load.number}"
        # so that every play gets its tokens anew
        await self.tables.rows("content", "update platform_authorization set expires_at = now()")
        at = datetime.now(UTC)
        planned = await load.mutate(
            "campaign",
            "planCampaign",
            "Campaign",
            "id code",
            {
                "code": code,
                "name": load.own.canaries.word(),
                "mode": "CENTRAL_ENABLEMENT",
                "target": CAMPAIGN_TARGET,
                "templateId": self.template_id,
                "assetIds": [self.asset_id],
                "slotValues": {"model": load.own.canaries.word()},
                "startsAt": at.isoformat(),
                "endsAt": (at + timedelta(seconds=1)).isoformat(),
                # each play posts on the same accounts
                "postsPerAccountGapMinutes": 0,
            },
            code=code,
        )
        _require(planned, f"planning of {code}")
        campaign_id = planned.result["id"]
        launched = await load.mutate(
            "launch",
            "launchCampaign",
            "Campaign",
            "id",
            {"id": campaign_id},
            input_type="OnOne",
            campaign_id=campaign_id,
        )
        _require(launched, f"launch of {code}")
        row_id = await self.tables.value("content", "select id from campaign where code = $1", code)
        await _until(code, lambda: self._missing(row_id))
        return [code, campaign_id, str(row_id)]

    async def _missing(self, row_id: UUID) -> str:
        rows = await self.tables.rows(
            "content",
            "select platform || ' ' || status as state, count(*) from post "
            "where campaign_id = $1 group by 1",
            row_id,
        )
        posts = {row["state"]: row["count"] for row in rows}
        status, drafts = await self.tables.row(
            "content",
            "select status, (select count(*) from draft d where d.campaign_id = c.id) "
            "from campaign c where id = $1",
            row_id,
        )
        known = await self.tables.value(
            "lead", "select count(*) from post_directory where campaign_id = $1", row_id
        )
        published = sum(count for state, count in posts.items() if state.endswith("published"))
        is_done = all(state.endswith((" published", " handed_off")) for state in posts)
        people = len(self.workload.own.brand.people)
        is_done = is_done and published > 0
        if not is_done or (status, drafts, known) != ("running", people, published):
            return f"{status} with {drafts} drafts, posts {posts}, {known} of them known"
        return await self.tables.waiting(_brand_id(self.workload))


async def _until(what: str, missing: Callable[[], Awaitable[str]]) -> None:
    """Look until nothing is missing."""
    end = time.monotonic() + FLOW_SECONDS
    while found := await missing():
        if time.monotonic() > end:
            raise NotDone(f"{what}: after {FLOW_SECONDS:.0f} s still {found}")
        await asyncio.sleep(_LOOK_SECONDS)


def _brand_id(workload: Workload) -> UUID:
    return uuid_of(workload.own.brand.client.brand_id)


def _require(reading: Reading, what: str) -> None:
    if reading.outcome != "ok":
        raise NotDone(f"{what} was answered {reading.outcome}: {reading.result}")
