"""From posts to deals: the funnel over content_svc and lead_svc, and what converts."""

import strawberry

from gateway.context import Info, is_id
from gateway.relations import to_one
from gateway.rows import read_items, read_one
from gateway.schema.content import CAMPAIGNS, Campaign
from gateway.schema.content_values import ConversionKey
from gateway.schema.fields import described
from gateway.schema.scalars import Long
from gateway.upstream import Service


@strawberry.type(description="What went out, and who saw it.")
class ContentFunnel:
    posts: int
    views: Long


@strawberry.type(description="What became of the leads.")
class LeadFunnel:
    captured: int
    qualified: int
    offered: int
    accepted: int
    declined: int
    expired: int
    pooled: int
    voided: int
    deals: int
    amount_minor: Long = strawberry.field(description="Of the deals that stand, in fen.")


@strawberry.type(description="Posts that went out per key, and what came of them.")
class Conversion:
    key: str = strawberry.field(description="A platform's name, or the id of what was asked for.")
    posts: int
    views: Long
    leads: int
    accepted: int
    deals: int
    amount_minor: Long
    lead_rate: float | None = strawberry.field(description="Leads per view.")
    lead_rate_low: float | None = strawberry.field(description="95 % Wilson interval.")
    lead_rate_high: float | None


@strawberry.type(description="Each part comes from the service that owns it and may be null alone.")
class Funnel:
    campaign_id: strawberry.Private[str | None]
    campaign: Campaign | None = to_one("campaign_id", "camp")

    @strawberry.field
    async def content(self, info: Info) -> ContentFunnel | None:
        rows = await conversions(info, ConversionKey.PLATFORM, self.campaign_id)
        return ContentFunnel(
            posts=sum(row.posts for row in rows), views=Long(sum(row.views for row in rows))
        )

    @strawberry.field
    async def leads(self, info: Info) -> LeadFunnel | None:
        answer = await info.context.get(Service.LEAD, "/funnel", campaign_id=self.campaign_id)
        return read_one(LeadFunnel, answer)


async def conversions(info: Info, by: ConversionKey, campaign_id: str | None) -> list[Conversion]:
    answer = await info.context.get(
        Service.CONTENT, "/what-converts", by=by, campaign_id=campaign_id
    )
    return read_items(Conversion, answer)


@strawberry.type
class ConversionsQuery:
    @described("From posts to deals, of one campaign or of all.")
    def funnel(self, campaign_id: strawberry.ID | None = None) -> Funnel | None:
        if campaign_id is not None and not is_id(campaign_id, CAMPAIGNS.prefix):
            return None
        return Funnel(campaign_id=campaign_id)

    @strawberry.field
    async def what_converts(
        self, info: Info, by: ConversionKey, campaign_id: strawberry.ID | None = None
    ) -> list[Conversion] | None:
        return await conversions(info, by, campaign_id)
