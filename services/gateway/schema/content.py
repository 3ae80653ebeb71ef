"""Campaigns, drafts with their compliance verdict, posts (content_svc)."""

from typing import TYPE_CHECKING, Annotated, TypeAlias

import strawberry
from strawberry.scalars import JSON

from gateway.context import Info, find
from gateway.relations import to_one
from gateway.rows import Kind, read_one, resource
from gateway.schema.accounts import Account, Staff, Unit
from gateway.schema.authors import AUTHOR_BY_POST, PostAuthor
from gateway.schema.commands import Command, OnOne, OnOneWithReason, given, run, run_for, run_on
from gateway.schema.content_values import CampaignStatus, DraftStatus, PostStatus
from gateway.schema.fields import described, verb
from gateway.schema.library import Template
from gateway.schema.pages import Connection, Node, connection
from gateway.schema.problems import Refusal
from gateway.schema.scalars import Instant, Long
from gateway.schema.values import PersonaKind
from gateway.upstream import Service
from shared.events.account import Platform, Right
from shared.events.content import CampaignMode, Verdict

if TYPE_CHECKING:
    from gateway.schema.leads import LeadsOfPost


@strawberry.type
class CampaignTarget:
    unit_ids: list[strawberry.ID] | None
    platforms: list[Platform] | None
    persona_kinds: list[PersonaKind] | None
    rights: list[Right] | None = strawberry.field(
        description="Who posts holds all of these until the campaign ends."
    )


@strawberry.type
class CampaignCounts:
    planned: int
    held: int
    scheduled: int
    handed_off: int
    published: int
    failed: int
    withdrawn: int


@resource
class Campaign(Node):
    code: str
    name: str
    mode: CampaignMode
    status: CampaignStatus
    target: CampaignTarget | None
    asset_ids: list[strawberry.ID] | None
    slot_values: JSON | None = strawberry.field(description="What fills slots the same everywhere.")
    starts_at: Instant | None
    ends_at: Instant | None
    posts_per_account_gap_minutes: int | None
    counts: CampaignCounts | None
    created_at: Instant | None
    version: int
    template_id: strawberry.Private[str | None]
    template: Template | None = to_one("template_id", "tmpl")

    @strawberry.field
    async def posts(
        self,
        info: Info,
        first: int = 50,
        after: str | None = None,
        status: PostStatus | None = None,
    ) -> Connection["Post"] | None:
        return await connection(
            info, POSTS, first, after, {"campaign_id": self.id, "status": status}
        )

    @strawberry.field
    async def drafts(
        self,
        info: Info,
        first: int = 50,
        after: str | None = None,
        status: DraftStatus | None = None,
    ) -> Connection["Draft"] | None:
        return await connection(
            info, DRAFTS, first, after, {"campaign_id": self.id, "status": status}
        )


@strawberry.type(description="A rule that the text runs against, and where.")
class Finding:
    rule_id: str
    severity: str
    field: str = strawberry.field(description="`title` or `text`.")
    start: int = strawberry.field(description="In code points inside the field.")
    end: int
    matched: str
    evasive: bool = strawberry.field(description="Written so as to slip past a plain search.")
    basis: str | None
    suggestion: str | None


@strawberry.type(description="What the rule pack says about a text.")
class ComplianceReport:
    verdict: Verdict
    findings: list[Finding]
    pack_version: str


@resource
class Draft(Node):
    status: DraftStatus
    title: str
    text: str
    verdict: Verdict | None
    findings: list[Finding]
    pack_version: str | None
    asset_ids: list[strawberry.ID] | None
    created_at: Instant | None
    version: int
    campaign_id: strawberry.Private[str | None]
    account_id: strawberry.Private[str | None]
    campaign: Campaign | None = to_one("campaign_id", "camp")
    account: Account | None = to_one("account_id", "acct")


@strawberry.type(description="A post that its seller publishes by hand.")
class Handoff:
    title: str | None
    text: str
    asset_ids: list[strawberry.ID] | None
    deep_link: str | None
    deadline_at: Instant | None


@strawberry.type(description="WeCom: created, confirmed by the member, delivered to customers.")
class PostDelivery:
    state: str
    delivered: int
    failed: int


@strawberry.type(description="Running totals.")
class PostMetrics:
    views: Long
    likes: Long
    saves: Long
    comments: Long
    shares: Long
    follows: Long
    measured_at: Instant | None


@resource
class Post(Node):
    platform: Platform
    status: PostStatus
    due_at: Instant | None
    published_at: Instant | None
    url: str | None
    platform_post_id: str | None
    failure_reason: str | None
    handoff: Handoff | None
    metrics: PostMetrics | None
    delivery: PostDelivery | None
    version: int | None
    campaign_id: strawberry.Private[str | None]
    draft_id: strawberry.Private[str | None]
    account_id: strawberry.Private[str | None]
    staff_id: strawberry.Private[str | None]
    unit_id: strawberry.Private[str | None]
    campaign: Campaign | None = to_one("campaign_id", "camp")
    draft: Draft | None = to_one("draft_id", "draft")
    account: Account | None = to_one("account_id", "acct")
    staff: Staff | None = to_one("staff_id", "staff")
    unit: Unit | None = to_one("unit_id", "unit")

    @described("As whom it was made; null before it is published.")
    async def author(self, info: Info) -> PostAuthor | None:
        return await info.context.batch(AUTHOR_BY_POST).load(self.id)

    @described("Leads whose last touch was this post, newest first.")
    async def leads(
        self, info: Info, first: int = 10
    ) -> Annotated["LeadsOfPost", strawberry.lazy("gateway.schema.leads")] | None:
        from gateway.schema.leads import LEADS_BY_POST  # noqa: PLC0415 - Lead.post points back

        return await info.context.batch(LEADS_BY_POST, first).load(self.id)


CAMPAIGNS = Kind("camp", Campaign, Service.CONTENT, "/campaigns")
DRAFTS = Kind("draft", Draft, Service.CONTENT, "/drafts")
POSTS = Kind("post", Post, Service.CONTENT, "/posts")

CampaignResult: TypeAlias = Annotated[Campaign | Refusal, strawberry.union("CampaignResult")]
DraftResult: TypeAlias = Annotated[Draft | Refusal, strawberry.union("DraftResult")]
PostResult: TypeAlias = Annotated[Post | Refusal, strawberry.union("PostResult")]


@strawberry.input
class CampaignTargetInput:
    unit_ids: list[strawberry.ID] | None = None
    platforms: list[Platform] | None = None
    persona_kinds: list[PersonaKind] | None = None
    rights: list[Right] | None = None


@strawberry.input
class PlanCampaignInput(Command):
    code: str
    name: str
    mode: CampaignMode
    template_id: strawberry.ID
    asset_ids: list[strawberry.ID] | None = None
    target: CampaignTargetInput = strawberry.field(default_factory=CampaignTargetInput)
    slot_values: JSON | None = None
    starts_at: Instant
    ends_at: Instant
    posts_per_account_gap_minutes: int | None = None


@strawberry.input
class WriteDraftInput(Command):
    account_id: strawberry.ID
    campaign_id: strawberry.ID | None = None
    title: str = ""
    text: str


@strawberry.input
class ReviseDraftInput(OnOne):
    title: str = ""
    text: str


@strawberry.input
class ScheduleDraftInput(OnOne):
    due_at: Instant


@strawberry.input
class ConfirmHandoffInput(OnOne):
    url: str


@strawberry.input
class ComplianceCheckInput:
    title: str = ""
    text: str
    platform: Platform
    industry: str | None = strawberry.field(default=None, description="The brand's own if absent.")


@strawberry.type
class ContentQuery:
    @strawberry.field
    async def campaign(self, info: Info, id: strawberry.ID) -> Campaign | None:
        return await find(info, CAMPAIGNS, id)

    @strawberry.field
    async def post(self, info: Info, id: strawberry.ID) -> Post | None:
        return await find(info, POSTS, id)

    @strawberry.field
    async def campaigns(
        self,
        info: Info,
        first: int = 50,
        after: str | None = None,
        status: CampaignStatus | None = None,
    ) -> Connection[Campaign] | None:
        return await connection(info, CAMPAIGNS, first, after, {"status": status})

    @strawberry.field
    async def drafts(
        self,
        info: Info,
        first: int = 50,
        after: str | None = None,
        campaign_id: strawberry.ID | None = None,
        status: DraftStatus | None = None,
        verdict: Verdict | None = None,
    ) -> Connection[Draft] | None:
        return await connection(
            info,
            DRAFTS,
            first,
            after,
            {"campaign_id": campaign_id, "status": status, "verdict": verdict},
        )

    @strawberry.field
    async def posts(
        self,
        info: Info,
        first: int = 50,
        after: str | None = None,
        campaign_id: strawberry.ID | None = None,
        account_id: strawberry.ID | None = None,
        unit_id: strawberry.ID | None = None,
        status: PostStatus | None = None,
    ) -> Connection[Post] | None:
        return await connection(
            info,
            POSTS,
            first,
            after,
            {
                "campaign_id": campaign_id,
                "account_id": account_id,
                "unit_id": unit_id,
                "status": status,
            },
        )

    @described("Measure a text against the rule pack; nothing is stored.")
    async def check_compliance(
        self, info: Info, input: ComplianceCheckInput
    ) -> ComplianceReport | None:
        answer = await info.context.ask(Service.CONTENT, "/compliance/check", given(input))
        return read_one(ComplianceReport, answer)


@strawberry.type
class ContentMutation:
    @verb()
    async def plan_campaign(self, info: Info, input: PlanCampaignInput) -> CampaignResult:
        return await run(info, CAMPAIGNS, input)

    @verb()
    async def launch_campaign(self, info: Info, input: OnOne) -> CampaignResult:
        return await run_on(info, CAMPAIGNS, input, "launch")

    @verb()
    async def pause_campaign(self, info: Info, input: OnOne) -> CampaignResult:
        return await run_on(info, CAMPAIGNS, input, "pause")

    @verb()
    async def resume_campaign(self, info: Info, input: OnOne) -> CampaignResult:
        return await run_on(info, CAMPAIGNS, input, "resume")

    @verb()
    async def stop_campaign(self, info: Info, input: OnOneWithReason) -> CampaignResult:
        return await run_on(info, CAMPAIGNS, input, "stop")

    @verb()
    async def write_draft(self, info: Info, input: WriteDraftInput) -> DraftResult:
        return await run(info, DRAFTS, input)

    @verb()
    async def revise_draft(self, info: Info, input: ReviseDraftInput) -> DraftResult:
        return await run_on(info, DRAFTS, input, "revise")

    @verb()
    async def approve_draft(self, info: Info, input: OnOne) -> DraftResult:
        return await run_on(info, DRAFTS, input, "approve")

    @verb("Plan the draft's post for an instant.")
    async def schedule_draft(self, info: Info, input: ScheduleDraftInput) -> PostResult:
        return await run_for(info, DRAFTS, input, "schedule", Post)

    @verb("The seller published by hand; the link proves it.")
    async def confirm_handoff(self, info: Info, input: ConfirmHandoffInput) -> PostResult:
        return await run_on(info, POSTS, input, "confirm-handoff")

    @verb()
    async def withdraw_post(self, info: Info, input: OnOneWithReason) -> PostResult:
        return await run_on(info, POSTS, input, "withdraw")
