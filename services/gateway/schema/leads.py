"""Leads with their offers, and the routing decisions with their reasons (lead_svc)."""

from typing import Annotated, TypeAlias

import strawberry
from strawberry.scalars import JSON

from gateway.context import Info, find
from gateway.relations import to_one
from gateway.rows import Batch, Kind, read_items, resource
from gateway.schema.accounts import Account, Staff, Unit
from gateway.schema.commands import Command, OnOne, OnOneWithReason, run, run_on
from gateway.schema.connections import PlatformConnection
from gateway.schema.contacts import Contact
from gateway.schema.content import Campaign, Post
from gateway.schema.deals import DEALS_BY_LEAD, Deal
from gateway.schema.fields import OWN_CALL, PERSONAL, described, verb
from gateway.schema.lead_values import LeadStatus, OfferStatus, RoutingOutcome, RoutingStep
from gateway.schema.pages import Connection, Node, connection
from gateway.schema.problems import Refusal
from gateway.schema.scalars import Instant
from gateway.upstream import Service


@strawberry.type(description="What a rule added to the score, and because of what.")
class ScoreReason:
    rule: str
    points: int
    because: str


@strawberry.type(description="A seller that routing looked at.")
class Candidate:
    step: RoutingStep
    is_chosen: bool
    rejected_because: str | None
    staff_id: strawberry.Private[str | None]
    unit_id: strawberry.Private[str | None]
    staff: Staff | None = to_one("staff_id", "staff")
    unit: Unit | None = to_one("unit_id", "unit")


@strawberry.type(description="The same decision in the words of three readers.")
class Explanation:
    kos: str
    manager: str
    auditor: str


@strawberry.type(description="Why a lead went where it went; stored as it was taken.")
class Decision:
    id: strawberry.ID
    policy_version: int
    decided_at: Instant
    outcome: RoutingOutcome
    candidates: list[Candidate]
    uncounted: int = strawberry.field(description="Considered beyond the candidates listed.")
    tie_break: str | None
    inputs: JSON = strawberry.field(description="Everything the router saw, for replay.")
    explanation: Explanation | None
    staff_id: strawberry.Private[str | None]
    staff: Staff | None = to_one("staff_id", "staff")


@resource
class Offer(Node):
    status: OfferStatus
    attempt: int
    offered_at: Instant
    expires_at: Instant
    answered_at: Instant | None
    lead_id: strawberry.Private[str | None]
    staff_id: strawberry.Private[str | None]
    unit_id: strawberry.Private[str | None]
    lead: "Lead | None" = to_one("lead_id", "lead")
    staff: Staff | None = to_one("staff_id", "staff")
    unit: Unit | None = to_one("unit_id", "unit")


@resource
class Lead(Node):
    status: LeadStatus
    source: str
    source_lead_id: str | None
    submitted_at: Instant | None
    captured_at: Instant
    city: str | None
    product: str | None
    score: int | None
    grade: str | None
    score_reasons: list[ScoreReason] | None
    keyword: str | None
    channel_code: str | None
    version: int
    contact_id: strawberry.Private[str | None]
    staff_id: strawberry.Private[str | None]
    unit_id: strawberry.Private[str | None]
    account_id: strawberry.Private[str | None]
    post_id: strawberry.Private[str | None]
    campaign_id: strawberry.Private[str | None]
    offer_id: strawberry.Private[str | None]
    connection_id: strawberry.Private[str | None]
    connection: PlatformConnection | None = to_one(
        "connection_id", "conn", description="Where it came in."
    )
    contact: Contact | None = to_one("contact_id", "contact")
    staff: Staff | None = to_one("staff_id", "staff", description="Who has the lead.")
    unit: Unit | None = to_one("unit_id", "unit")
    account: Account | None = to_one(
        "account_id", "acct", description="Which account it is due to."
    )
    post: Post | None = to_one("post_id", "post", description="Which post it is due to.")
    campaign: Campaign | None = to_one("campaign_id", "camp")
    offer: Offer | None = to_one("offer_id", "offer", description="The latest offer.")

    @described("The routing decisions, newest first.", cost=OWN_CALL)
    async def decisions(self, info: Info) -> list[Decision] | None:
        answer = await info.context.get(Service.LEAD, f"/leads/{self.id}/decisions")
        return read_items(Decision, answer)

    @strawberry.field
    async def deals(self, info: Info) -> list[Deal] | None:
        found = await info.context.batch(DEALS_BY_LEAD).load(self.id)
        return [] if found is None else found.deals


@strawberry.type
class LeadsOfPost:
    post_id: strawberry.Private[str]
    total: int
    leads: list[Lead]


@strawberry.type
class LeadsOfContact:
    contact_id: strawberry.Private[str]
    total: int
    leads: list[Lead]


LEADS = Kind("lead", Lead, Service.LEAD, "/leads")
OFFERS = Kind("offer", Offer, Service.LEAD, "/offers")
LEADS_BY_POST = Batch("post_id", LeadsOfPost, Service.LEAD, "/leads/by-posts")
LEADS_BY_CONTACT = Batch("contact_id", LeadsOfContact, Service.LEAD, "/leads/by-contacts")

LeadResult: TypeAlias = Annotated[Lead | Refusal, strawberry.union("LeadResult")]


@strawberry.input(description="What the person agreed to, by which notice.")
class ConsentInput:
    purpose: str
    notice_version: str
    at: Instant


@strawberry.input(description="A lead that came by telephone, at the counter or from a system.")
class CaptureLeadInput(Command):
    lead_id: str | None = strawberry.field(
        default=None, description="The sender's own id; it makes the lead unique."
    )
    name: str | None = strawberry.field(default=None, metadata={PERSONAL: True})
    phone: str | None = strawberry.field(default=None, metadata={PERSONAL: True})
    wechat: str | None = strawberry.field(default=None, metadata={PERSONAL: True})
    email: str | None = strawberry.field(default=None, metadata={PERSONAL: True})
    city: str | None = None
    product: str | None = None
    note: str | None = strawberry.field(default=None, metadata={PERSONAL: True})
    store_code: str | None = None
    account_handle: str | None = None
    post_url: str | None = None
    campaign: str | None = None
    keyword: str | None = None
    channel_code: str | None = None
    consent: ConsentInput | None = None
    submitted_at: Instant | None = None


@strawberry.input
class AcceptLeadInput(OnOne):
    staff_id: strawberry.ID | None = strawberry.field(
        default=None, description="Needed only from who answers for a seller."
    )


@strawberry.input
class DeclineLeadInput(OnOneWithReason):
    staff_id: strawberry.ID | None = strawberry.field(
        default=None, description="Needed only from who answers for a seller."
    )


@strawberry.type
class LeadsQuery:
    @strawberry.field
    async def lead(self, info: Info, id: strawberry.ID) -> Lead | None:
        return await find(info, LEADS, id)

    @described("Newest first.")
    async def leads(
        self,
        info: Info,
        first: int = 50,
        after: str | None = None,
        status: LeadStatus | None = None,
        unit_id: strawberry.ID | None = None,
        staff_id: strawberry.ID | None = None,
        campaign_id: strawberry.ID | None = None,
        post_id: strawberry.ID | None = None,
        contact_id: strawberry.ID | None = None,
    ) -> Connection[Lead] | None:
        return await connection(
            info,
            LEADS,
            first,
            after,
            {
                "status": status,
                "unit_id": unit_id,
                "staff_id": staff_id,
                "campaign_id": campaign_id,
                "post_id": post_id,
                "contact_id": contact_id,
            },
        )

    @strawberry.field
    async def offers(
        self,
        info: Info,
        first: int = 50,
        after: str | None = None,
        staff_id: strawberry.ID | None = None,
        status: OfferStatus | None = None,
    ) -> Connection[Offer] | None:
        return await connection(
            info, OFFERS, first, after, {"staff_id": staff_id, "status": status}
        )


@strawberry.type
class LeadsMutation:
    @verb()
    async def capture_lead(self, info: Info, input: CaptureLeadInput) -> LeadResult:
        return await run(info, LEADS, input)

    @verb()
    async def accept_lead(self, info: Info, input: AcceptLeadInput) -> LeadResult:
        return await run_on(info, LEADS, input, "accept")

    @verb()
    async def decline_lead(self, info: Info, input: DeclineLeadInput) -> LeadResult:
        return await run_on(info, LEADS, input, "decline")

    @verb("The lead was none: what it earned is taken back.")
    async def void_lead(self, info: Info, input: OnOneWithReason) -> LeadResult:
        return await run_on(info, LEADS, input, "void")
