"""Advocates, the dated history of their relation to the brand, and their posts (account_svc)."""

from typing import Annotated, TypeAlias

import strawberry

from gateway.context import Info, find
from gateway.relations import to_one
from gateway.rows import Kind, read_items, resource
from gateway.schema.accounts import Unit
from gateway.schema.authors import PostAuthor
from gateway.schema.commands import Command, OnOne, OnOneWithReason, run, run_for, run_on
from gateway.schema.fields import OWN_CALL, PERSONAL, described, verb
from gateway.schema.pages import Connection, Node, connection
from gateway.schema.problems import Refusal
from gateway.schema.scalars import Instant
from gateway.schema.values import AuthorClass, RelationKind
from gateway.upstream import Service


@strawberry.type(description="A dated fact of an advocate's relation to the brand.")
class AdvocateRelation:
    id: strawberry.ID
    kind: RelationKind
    happened_on: str = strawberry.field(description="A day as 2026-11-28.")
    proof: str | None = strawberry.field(description="Null without personal data.")
    recorded_by: str
    recorded_at: Instant
    withdrawn_by: str | None
    withdrawn_at: Instant | None = strawberry.field(description="From then it counts no more.")
    withdrawn_because: str | None


@resource
class Advocate(Node):
    name: str | None = strawberry.field(description="Masked for callers without personal data.")
    phone: str | None = strawberry.field(description="Masked for callers without personal data.")
    author_class: AuthorClass = strawberry.field(description="Of now.")
    relations: list[AdvocateRelation] = strawberry.field(description="By day.")
    account_ids: list[strawberry.ID]
    added_at: Instant
    unit_id: strawberry.Private[str | None]
    unit: Unit | None = to_one("unit_id", "unit", description="Who keeps in touch.")

    @described("Their newest posts, and in which class each was made.", cost=OWN_CALL)
    async def posts(self, info: Info, first: int = 20) -> list[PostAuthor] | None:
        answer = await info.context.get(
            Service.ACCOUNT, "/post-authors", advocate_id=self.id, first=first
        )
        return read_items(PostAuthor, answer)


@strawberry.type(description="A post that the changed history classes otherwise.")
class ReclassedPost:
    post_id: strawberry.ID
    class_at_publication: AuthorClass = strawberry.field(description="It stays.")
    class_by_history: AuthorClass


@resource
class HistoryChanged:
    relation_id: strawberry.ID
    author_class: AuthorClass = strawberry.field(description="Of the advocate, now.")
    reclassed: list[ReclassedPost]
    advocate_id: strawberry.Private[str | None]
    advocate: Advocate | None = to_one("advocate_id", "advocate")


ADVOCATES = Kind("advocate", Advocate, Service.ACCOUNT, "/advocates")

AdvocateResult: TypeAlias = Annotated[Advocate | Refusal, strawberry.union("AdvocateResult")]
HistoryChangedResult: TypeAlias = Annotated[
    HistoryChanged | Refusal, strawberry.union("HistoryChangedResult")
]


@strawberry.input
class AddAdvocateInput(Command):
    unit_id: strawberry.ID
    name: str = strawberry.field(metadata={PERSONAL: True})
    phone: str | None = strawberry.field(default=None, metadata={PERSONAL: True})


@strawberry.input
class LinkAdvocateAccountInput(OnOne):
    account_id: strawberry.ID


@strawberry.input
class RecordRelationInput(OnOne):
    kind: RelationKind
    happened_on: str = strawberry.field(description="A day as 2026-11-28.")
    proof: str = strawberry.field(
        description="What shows it: an order, a link, a contract.", metadata={PERSONAL: True}
    )


@strawberry.input
class WithdrawRelationInput(OnOneWithReason):
    relation_id: strawberry.ID


@strawberry.type
class AdvocatesQuery:
    @described("An advocate; null when they are not the caller's to see.")
    async def advocate(self, info: Info, id: strawberry.ID) -> Advocate | None:
        return await find(info, ADVOCATES, id)

    @described("KOC, KOL and partners, newest first.")
    async def advocates(
        self,
        info: Info,
        first: int = 50,
        after: str | None = None,
        unit_id: strawberry.ID | None = None,
    ) -> Connection[Advocate] | None:
        return await connection(info, ADVOCATES, first, after, {"unit_id": unit_id})


@strawberry.type
class AdvocatesMutation:
    @verb("A person outside the brand; their class follows from what is recorded of them.")
    async def add_advocate(self, info: Info, input: AddAdvocateInput) -> AdvocateResult:
        return await run(info, ADVOCATES, input)

    @verb("The account, whose seat is KOC or KOL, belongs to the advocate.")
    async def link_advocate_account(
        self, info: Info, input: LinkAdvocateAccountInput
    ) -> AdvocateResult:
        return await run_on(info, ADVOCATES, input, "link-account")

    @verb("A dated fact with its proof; it names the posts that it classes otherwise.")
    async def record_relation(self, info: Info, input: RecordRelationInput) -> HistoryChangedResult:
        return await run_for(info, ADVOCATES, input, "record", HistoryChanged)

    @verb("A fact that was wrong counts no more; it stays to be seen.")
    async def withdraw_relation(
        self, info: Info, input: WithdrawRelationInput
    ) -> HistoryChangedResult:
        return await run_for(info, ADVOCATES, input, "withdraw", HistoryChanged)
