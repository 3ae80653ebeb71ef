"""Deals that came of leads, and the funnel to them (lead_svc)."""

from typing import TYPE_CHECKING, Annotated, TypeAlias

import strawberry

from gateway.context import Info, find
from gateway.relations import to_one
from gateway.rows import Batch, Kind, resource
from gateway.schema.accounts import Account, Staff, Unit
from gateway.schema.commands import Command, OnOneWithReason, run, run_on
from gateway.schema.content import Campaign, Post
from gateway.schema.fields import verb
from gateway.schema.lead_values import DealStatus
from gateway.schema.pages import Connection, Node, connection
from gateway.schema.problems import Refusal
from gateway.schema.scalars import Instant, Long
from gateway.upstream import Service

if TYPE_CHECKING:
    from gateway.schema.contacts import Contact
    from gateway.schema.leads import Lead


@resource
class Deal(Node):
    amount_minor: Long
    currency: str
    status: DealStatus
    closed_at: Instant
    void_reason: str | None
    version: int
    lead_id: strawberry.Private[str | None]
    contact_id: strawberry.Private[str | None]
    staff_id: strawberry.Private[str | None]
    unit_id: strawberry.Private[str | None]
    account_id: strawberry.Private[str | None]
    post_id: strawberry.Private[str | None]
    campaign_id: strawberry.Private[str | None]
    lead: Annotated["Lead", strawberry.lazy("gateway.schema.leads")] | None = to_one(
        "lead_id", "lead"
    )
    contact: Annotated["Contact", strawberry.lazy("gateway.schema.contacts")] | None = to_one(
        "contact_id", "contact"
    )
    staff: Staff | None = to_one("staff_id", "staff")
    unit: Unit | None = to_one("unit_id", "unit")
    account: Account | None = to_one("account_id", "acct")
    post: Post | None = to_one("post_id", "post")
    campaign: Campaign | None = to_one("campaign_id", "camp")


@strawberry.type
class DealsOfLead:
    lead_id: strawberry.Private[str]
    deals: list[Deal]


DEALS = Kind("deal", Deal, Service.LEAD, "/deals")
DEALS_BY_LEAD = Batch("lead_id", DealsOfLead, Service.LEAD, "/deals/by-leads")

DealResult: TypeAlias = Annotated[Deal | Refusal, strawberry.union("DealResult")]


@strawberry.input
class WinDealInput(Command):
    lead_id: strawberry.ID
    amount_minor: Long
    currency: str = "CNY"
    closed_at: Instant | None = None


@strawberry.type
class DealsQuery:
    @strawberry.field
    async def deal(self, info: Info, id: strawberry.ID) -> Deal | None:
        return await find(info, DEALS, id)

    @strawberry.field
    async def deals(
        self,
        info: Info,
        first: int = 50,
        after: str | None = None,
        campaign_id: strawberry.ID | None = None,
        staff_id: strawberry.ID | None = None,
        unit_id: strawberry.ID | None = None,
    ) -> Connection[Deal] | None:
        return await connection(
            info,
            DEALS,
            first,
            after,
            {"campaign_id": campaign_id, "staff_id": staff_id, "unit_id": unit_id},
        )


@strawberry.type
class DealsMutation:
    @verb()
    async def win_deal(self, info: Info, input: WinDealInput) -> DealResult:
        return await run(info, DEALS, input)

    @verb("The deal came to nothing: credit and reward are taken back.")
    async def void_deal(self, info: Info, input: OnOneWithReason) -> DealResult:
        return await run_on(info, DEALS, input, "void")
