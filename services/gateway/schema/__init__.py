"""The one schema over the services. `python -m gateway schema` writes it to `schema.graphql`."""

from typing import Any

import strawberry
from strawberry.schema.config import StrawberryConfig

from gateway.context import Info, find, find_many
from gateway.rows import Kind
from gateway.schema.accounts import (
    ACCOUNTS,
    PERSONAS,
    STAFF,
    UNITS,
    AccountsMutation,
    AccountsQuery,
)
from gateway.schema.contacts import CONTACTS, ContactsMutation, ContactsQuery
from gateway.schema.content import (
    ASSETS,
    CAMPAIGNS,
    DRAFTS,
    POSTS,
    TEMPLATES,
    ContentMutation,
    ContentQuery,
)
from gateway.schema.deals import DEALS, DealsMutation, DealsQuery
from gateway.schema.fields import described
from gateway.schema.leads import LEADS, OFFERS, LeadsMutation, LeadsQuery
from gateway.schema.pages import Node
from gateway.schema.scalars import SCALARS

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
    )
}


@strawberry.type
class Query(
    AccountsQuery,
    ContentQuery,
    LeadsQuery,
    ContactsQuery,
    DealsQuery,
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
    ContentMutation,
    LeadsMutation,
    ContactsMutation,
    DealsMutation,
):
    pass


LIVE_TOPICS = ("kos.campaign", "kos.draft", "kos.incentive", "kos.lead", "kos.post")
"""What the subscriptions are fed from."""

schema = strawberry.Schema(
    query=Query,
    mutation=Mutation,
    config=StrawberryConfig(scalar_map=SCALARS),
)
