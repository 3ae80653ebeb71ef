"""Contacts on their way from a public account to the brand's own, in two stages (lead_svc)."""

from typing import Annotated, TypeAlias

import strawberry

from gateway.context import Info, find
from gateway.relations import to_one
from gateway.rows import Kind, resource
from gateway.schema.accounts import Account, Staff, Unit
from gateway.schema.commands import Command, OnOne, run, run_on
from gateway.schema.contacts import Contact
from gateway.schema.fields import PERSONAL, verb
from gateway.schema.lead_values import (
    LeadInMeans,
    TransferDropReason,
    TransferStage,
    TransferStatus,
    TransferStep,
)
from gateway.schema.leads import ConsentInput
from gateway.schema.pages import Connection, Node, connection
from gateway.schema.problems import Refusal
from gateway.schema.scalars import Instant
from gateway.upstream import Service


@strawberry.type(description="What the customer agreed to, by which notice.")
class Consent:
    purpose: str
    notice_version: str
    at: Instant


@strawberry.type(description="A step that was reached, or the drop.")
class TransferStepTaken:
    number: int
    step: TransferStep
    dropped_reason: TransferDropReason | None
    staff_id: strawberry.ID = strawberry.field(description="The seller whose transfer it was then.")
    taken_by: str
    taken_at: Instant
    due_at: Instant | None
    channel: str | None
    consent: Consent | None


@resource
class Transfer(Node):
    status: TransferStatus
    step: TransferStep = strawberry.field(
        description="The last one reached; of a dropped transfer, where it was lost."
    )
    means: LeadInMeans
    attempt: int = strawberry.field(
        description="How many transfers the contact had had when this was opened, this included."
    )
    due_at: Instant | None = strawberry.field(description="When its stage has run out.")
    opened_at: Instant
    closed_at: Instant | None
    dropped_reason: TransferDropReason | None
    note: str | None
    steps: list[TransferStepTaken]
    contact_id: strawberry.Private[str | None]
    staff_id: strawberry.Private[str | None]
    unit_id: strawberry.Private[str | None]
    account_id: strawberry.Private[str | None]
    private_account_id: strawberry.Private[str | None]
    contact: Contact | None = to_one("contact_id", "contact")
    staff: Staff | None = to_one("staff_id", "staff")
    unit: Unit | None = to_one("unit_id", "unit")
    account: Account | None = to_one(
        "account_id", "acct", description="The public account that the contact comes from."
    )
    private_account: Account | None = to_one("private_account_id", "acct")


TRANSFERS = Kind("transfer", Transfer, Service.LEAD, "/transfers")

TransferResult: TypeAlias = Annotated[Transfer | Refusal, strawberry.union("TransferResult")]


@strawberry.input
class OpenTransferInput(Command):
    contact_id: strawberry.ID
    account_id: strawberry.ID = strawberry.field(
        description="The public account that the contact comes from, one of their owner's."
    )
    means: LeadInMeans
    consent: ConsentInput
    channel: str | None = strawberry.field(
        default=None, description="The channel tag (state) of the code or link."
    )
    due_at: Instant | None = strawberry.field(
        default=None, description="When stage 1 has run out; in seven days when absent."
    )


@strawberry.input
class OpenSecondStageInput(OnOne):
    consent: ConsentInput
    channel: str | None = None
    due_at: Instant | None = strawberry.field(
        default=None, description="When stage 2 has run out; in thirty days when absent."
    )


@strawberry.input
class CompleteTransferStageInput(OnOne):
    stage: TransferStage


@strawberry.input
class DropTransferInput(OnOne):
    reason: TransferDropReason
    note: str | None = strawberry.field(default=None, metadata={PERSONAL: True})


@strawberry.type
class TransfersQuery:
    @strawberry.field
    async def transfer(self, info: Info, id: strawberry.ID) -> Transfer | None:
        return await find(info, TRANSFERS, id)

    @strawberry.field
    async def transfers(
        self,
        info: Info,
        first: int = 50,
        after: str | None = None,
        status: TransferStatus | None = None,
        contact_id: strawberry.ID | None = None,
        staff_id: strawberry.ID | None = None,
        unit_id: strawberry.ID | None = None,
    ) -> Connection[Transfer] | None:
        return await connection(
            info,
            TRANSFERS,
            first,
            after,
            {
                "status": status,
                "contact_id": contact_id,
                "staff_id": staff_id,
                "unit_id": unit_id,
            },
        )


@strawberry.type
class TransfersMutation:
    @verb(
        "Begin to lead a contact from a public account to their owner's private one; refused "
        "unless the two accounts passed their check as one persona."
    )
    async def open_transfer(self, info: Info, input: OpenTransferInput) -> TransferResult:
        return await run(info, TRANSFERS, input)

    @verb("The stage that is open is through.")
    async def complete_transfer_stage(
        self, info: Info, input: CompleteTransferStageInput
    ) -> TransferResult:
        return await run_on(info, TRANSFERS, input, "complete-stage")

    @verb("Begin to lead the contact on to what is the brand's own.")
    async def open_second_stage(self, info: Info, input: OpenSecondStageInput) -> TransferResult:
        return await run_on(info, TRANSFERS, input, "open-second-stage")

    @verb("The contact is lost to the transfer where it stands.")
    async def drop_transfer(self, info: Info, input: DropTransferInput) -> TransferResult:
        return await run_on(info, TRANSFERS, input, "drop")
