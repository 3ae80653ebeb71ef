"""The one schema over the services. `python -m gateway schema` writes it to `schema.graphql`."""

from typing import Any

import strawberry
from strawberry.schema.config import StrawberryConfig

from gateway.context import Info, find, find_many
from gateway.rows import Kind
from gateway.schema.accounts import (
    ACCOUNTS,
    STAFF,
    UNITS,
    AccountsMutation,
    AccountsQuery,
)
from gateway.schema.advocates import ADVOCATES, AdvocatesMutation, AdvocatesQuery
from gateway.schema.brand import API_KEYS, BRANDS, IMPORTS, BrandMutation, BrandQuery
from gateway.schema.communities import (
    ACTIVITIES,
    COMMUNITIES,
    CommunitiesMutation,
    CommunitiesQuery,
)
from gateway.schema.connections import CONNECTIONS, RECEIPTS, ConnectionsMutation, ConnectionsQuery
from gateway.schema.contacts import CONTACTS, ContactsMutation, ContactsQuery
from gateway.schema.content import (
    CAMPAIGNS,
    DRAFTS,
    POSTS,
    ContentMutation,
    ContentQuery,
)
from gateway.schema.conversions import ConversionsQuery
from gateway.schema.deals import DEALS, DealsMutation, DealsQuery
from gateway.schema.estate import (
    HANDOVER_ITEMS,
    HANDOVERS,
    EstateMutation,
    EstateQuery,
)
from gateway.schema.fields import described
from gateway.schema.fit import FitQuery
from gateway.schema.goals import GOALS, GoalsMutation, GoalsQuery
from gateway.schema.incentives import ENTRIES, RULES, IncentivesMutation, IncentivesQuery
from gateway.schema.layouts import LAYOUTS, OFF_ROSTER, LayoutsMutation, LayoutsQuery
from gateway.schema.leads import LEADS, OFFERS, LeadsMutation, LeadsQuery
from gateway.schema.library import ASSETS, TEMPLATES, LibraryMutation, LibraryQuery
from gateway.schema.lift import LIFT_TASKS, LiftMutation, LiftQuery
from gateway.schema.live import Subscription
from gateway.schema.pages import Node
from gateway.schema.pairs import PairsMutation, PairsQuery
from gateway.schema.personas import PERSONAS, PersonasMutation, PersonasQuery
from gateway.schema.policies import POLICIES, PoliciesMutation, PoliciesQuery
from gateway.schema.publishing import PublishingMutation, PublishingQuery
from gateway.schema.race import RaceMutation, RaceQuery
from gateway.schema.reviews import APPEALS, REVIEWS, ReviewsMutation, ReviewsQuery
from gateway.schema.routing import RoutingMutation, RoutingQuery
from gateway.schema.scalars import SCALARS
from gateway.schema.talent import ASSESSMENTS, TalentMutation, TalentQuery
from gateway.schema.training import (
    ATTEMPTS,
    CERTIFICATES,
    COURSES,
    TrainingMutation,
    TrainingQuery,
)
from gateway.schema.transfers import TRANSFERS, TransfersMutation, TransfersQuery
from gateway.schema.webhooks import DELIVERIES, ENDPOINTS, WebhooksMutation, WebhooksQuery

KINDS: dict[str, Kind[Any]] = {
    kind.prefix: kind
    for kind in (
        UNITS,
        STAFF,
        PERSONAS,
        ACCOUNTS,
        ASSETS,
        TEMPLATES,
        CAMPAIGNS,
        DRAFTS,
        POSTS,
        LEADS,
        CONTACTS,
        OFFERS,
        DEALS,
        TRANSFERS,
        COMMUNITIES,
        ACTIVITIES,
        CONNECTIONS,
        ENDPOINTS,
        COURSES,
        ATTEMPTS,
        CERTIFICATES,
        ASSESSMENTS,
        ENTRIES,
        RULES,
        ADVOCATES,
        GOALS,
        REVIEWS,
        APPEALS,
        LIFT_TASKS,
        POLICIES,
        LAYOUTS,
        OFF_ROSTER,
        HANDOVERS,
        HANDOVER_ITEMS,
        BRANDS,
        API_KEYS,
        IMPORTS,
        RECEIPTS,
        DELIVERIES,
    )
}


@strawberry.type
class Query(
    AccountsQuery,
    EstateQuery,
    PersonasQuery,
    LibraryQuery,
    ContentQuery,
    PublishingQuery,
    LeadsQuery,
    ContactsQuery,
    DealsQuery,
    TransfersQuery,
    CommunitiesQuery,
    ConversionsQuery,
    TrainingQuery,
    TalentQuery,
    IncentivesQuery,
    ReviewsQuery,
    RaceQuery,
    AdvocatesQuery,
    GoalsQuery,
    PairsQuery,
    LiftQuery,
    PoliciesQuery,
    LayoutsQuery,
    FitQuery,
    RoutingQuery,
    ConnectionsQuery,
    WebhooksQuery,
    BrandQuery,
):
    @described("Anything by its typed id; null when it is not the caller's.")
    async def node(self, info: Info, id: strawberry.ID) -> Node | None:
        kind = KINDS.get(id.partition("_")[0])
        return None if kind is None else await find(info, kind, id)

    @described("Up to 100 at once, in the order of the ids.")
    async def nodes(self, info: Info, ids: list[strawberry.ID]) -> list[Node | None]:
        return await find_many(info, KINDS, ids)


@strawberry.type
class Mutation(
    AccountsMutation,
    PersonasMutation,
    EstateMutation,
    LibraryMutation,
    ContentMutation,
    PublishingMutation,
    LeadsMutation,
    ContactsMutation,
    DealsMutation,
    TransfersMutation,
    CommunitiesMutation,
    TrainingMutation,
    TalentMutation,
    IncentivesMutation,
    ReviewsMutation,
    RaceMutation,
    AdvocatesMutation,
    GoalsMutation,
    PairsMutation,
    LiftMutation,
    PoliciesMutation,
    LayoutsMutation,
    RoutingMutation,
    ConnectionsMutation,
    WebhooksMutation,
    BrandMutation,
):
    pass


schema = strawberry.Schema(
    query=Query,
    mutation=Mutation,
    subscription=Subscription,
    config=StrawberryConfig(scalar_map=SCALARS),
)
