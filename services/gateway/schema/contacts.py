"""The people behind the leads, masked unless the caller may see personal data (lead_svc)."""

from typing import TYPE_CHECKING, Annotated, TypeAlias

import strawberry

from gateway.context import Info, find, prefetch
from gateway.relations import to_one
from gateway.rows import Kind, read_items, resource
from gateway.schema.accounts import Account, Staff, Unit
from gateway.schema.commands import OnOne, run_on
from gateway.schema.content import Campaign, Post
from gateway.schema.fields import OWN_CALL, PERSONAL, described, verb
from gateway.schema.pages import Connection, Node, connection
from gateway.schema.problems import Refusal
from gateway.schema.scalars import Instant
from gateway.upstream import Service
from shared.events.lead import Stage

if TYPE_CHECKING:
    from gateway.schema.leads import LeadsOfContact


@strawberry.type(description="The contact met a post, an account, a store or a code.")
class Touchpoint:
    source: str
    keyword: str | None
    channel_code: str | None
    at: Instant
    post_id: strawberry.Private[str | None]
    account_id: strawberry.Private[str | None]
    campaign_id: strawberry.Private[str | None]
    unit_id: strawberry.Private[str | None]
    post: Post | None = to_one("post_id", "post")
    account: Account | None = to_one("account_id", "acct")
    campaign: Campaign | None = to_one("campaign_id", "camp")
    unit: Unit | None = to_one("unit_id", "unit")


@resource
class Contact(Node):
    name: str | None
    phone: str | None
    wechat: str | None
    email: str | None
    city: str | None
    stage: Stage
    lead_count: int
    created_at: Instant
    version: int
    owner_staff_id: strawberry.Private[str | None]
    owner: Staff | None = to_one("owner_staff_id", "staff")

    @described("Newest first.")
    async def leads(
        self, info: Info, first: int = 10
    ) -> Annotated["LeadsOfContact", strawberry.lazy("gateway.schema.leads")] | None:
        from gateway.schema.leads import LEADS_BY_CONTACT  # noqa: PLC0415 - Lead.contact points back

        return await info.context.batch(LEADS_BY_CONTACT, first).load(self.id)

    @described("Newest first.", cost=OWN_CALL)
    async def touchpoints(self, info: Info) -> list[Touchpoint] | None:
        rows = read_items(
            Touchpoint, await info.context.get(Service.LEAD, f"/contacts/{self.id}/touchpoints")
        )
        await prefetch(info, rows)
        return rows


CONTACTS = Kind("contact", Contact, Service.LEAD, "/contacts")

ContactResult: TypeAlias = Annotated[Contact | Refusal, strawberry.union("ContactResult")]


@strawberry.input
class MoveContactStageInput(OnOne):
    stage: Stage


@strawberry.type
class ContactsQuery:
    @strawberry.field
    async def contact(self, info: Info, id: strawberry.ID) -> Contact | None:
        return await find(info, CONTACTS, id)

    @strawberry.field
    async def contacts(
        self, info: Info, first: int = 50, after: str | None = None, stage: Stage | None = None
    ) -> Connection[Contact] | None:
        return await connection(info, CONTACTS, first, after, {"stage": stage})

    @described("By exact telephone number, in any common notation.")
    async def find_contacts(
        self,
        info: Info,
        phone: Annotated[str, strawberry.argument(metadata={PERSONAL: True})],
    ) -> list[Contact] | None:
        rows = read_items(
            Contact, await info.context.ask(Service.LEAD, "/contacts/find", {"phone": phone})
        )
        await prefetch(info, rows)
        return rows


@strawberry.type
class ContactsMutation:
    @verb()
    async def move_contact_stage(self, info: Info, input: MoveContactStageInput) -> ContactResult:
        return await run_on(info, CONTACTS, input, "move-stage")

    @verb("Destroy the person's keys: the data is gone for good.")
    async def erase_contact(self, info: Info, input: OnOne) -> ContactResult:
        return await run_on(info, CONTACTS, input, "erase")
