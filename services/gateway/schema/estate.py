"""The estate of accounts: what platforms say they are (account_svc)."""

import strawberry

from gateway.context import Info
from gateway.schema.accounts import ACCOUNTS, AccountResult
from gateway.schema.commands import OnOne, run_on
from gateway.schema.fields import verb
from gateway.schema.scalars import Instant
from shared.events.account import PlatformStatus


@strawberry.input
class NotePlatformStatusInput(OnOne):
    platform_status: PlatformStatus
    is_held: bool = strawberry.field(
        default=True, description="False: the platform has taken it back."
    )
    valid_from: Instant | None = None
    valid_to: Instant | None = None
    reference: str = strawberry.field(
        description="Where it can be seen: a number of the platform, a page."
    )


@strawberry.type
class EstateMutation:
    @verb("What the platform itself says that the account is; the latest note holds.")
    async def note_platform_status(
        self, info: Info, input: NotePlatformStatusInput
    ) -> AccountResult:
        return await run_on(info, ACCOUNTS, input, "note-platform-status")
