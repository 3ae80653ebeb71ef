"""How accounts look, and whether a public and a private one are still one persona (account_svc)."""

from typing import Annotated, TypeAlias

import strawberry

from gateway.context import Info
from gateway.relations import to_one
from gateway.rows import Kind, resource
from gateway.schema.accounts import ACCOUNTS, Account, Staff
from gateway.schema.commands import OnOne, run_for
from gateway.schema.fields import described, verb
from gateway.schema.pages import Connection, connection
from gateway.schema.personas import Persona
from gateway.schema.problems import Refusal
from gateway.schema.scalars import Instant
from gateway.schema.values import DriftField, DriftState
from gateway.upstream import Service


@strawberry.type(description="One field of a pair.")
class PairField:
    field: DriftField
    score: float | None = strawberry.field(
        description="The weakest side, 0 to 1; null when it cannot be known."
    )
    reason: str


@strawberry.type(description="A public account and its seller's private one, of one persona.")
class Pair:
    state: DriftState
    score: float | None
    may_open_transfer: bool = strawberry.field(
        description="Whether customers may be led from the public account to the private one."
    )
    denial: str | None
    fields: list[PairField]
    checked_at: Instant | None
    account_id: strawberry.Private[str]
    private_account_id: strawberry.Private[str | None]
    staff_id: strawberry.Private[str | None]
    persona_id: strawberry.Private[str | None]
    account: Account | None = to_one("account_id", "acct")
    private_account: Account | None = to_one("private_account_id", "acct")
    staff: Staff | None = to_one("staff_id", "staff")
    persona: Persona | None = to_one("persona_id", "persona")


@resource
class AccountProfile:
    name: str
    bio: str | None
    picture_hash: str | None
    store: str | None
    tone_score: int | None
    interests: list[str] | None
    observed_by: str
    observed_at: Instant
    account_id: strawberry.Private[str | None]
    account: Account | None = to_one("account_id", "acct")


PAIRS = Kind("acct", Pair, Service.ACCOUNT, "/pairs", sort_key="account_id")

AccountProfileResult: TypeAlias = Annotated[
    AccountProfile | Refusal, strawberry.union("AccountProfileResult")
]


@strawberry.input
class ObserveAccountInput(OnOne):
    name: str
    bio: str | None = None
    picture_hash: str | None = strawberry.field(
        default=None, description="64 bits of a perceptual hash as 16 hex digits."
    )
    store: str | None = strawberry.field(
        default=None, description="The store that the profile names."
    )
    tone_score: int | None = strawberry.field(
        default=None, description="How well its posts keep the persona's tone, 0 to 100."
    )
    interests: list[str] | None = strawberry.field(
        default=None, description="Of its fans, as the platform tells them."
    )


@strawberry.type
class PairsQuery:
    @described("Public accounts that play a persona, each with its seller's private one.")
    async def pairs(
        self,
        info: Info,
        first: int = 50,
        after: str | None = None,
        unit_id: strawberry.ID | None = None,
        state: DriftState | None = None,
    ) -> Connection[Pair] | None:
        return await connection(info, PAIRS, first, after, {"unit_id": unit_id, "state": state})


@strawberry.type
class PairsMutation:
    @verb("Keep how the account looks now, and compare the pairs that it belongs to.")
    async def observe_account(self, info: Info, input: ObserveAccountInput) -> AccountProfileResult:
        return await run_for(info, ACCOUNTS, input, "observe", AccountProfile)
