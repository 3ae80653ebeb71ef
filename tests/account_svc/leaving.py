"""Somebody who leaves, who takes, and what content_svc tells of the customers."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from account_svc.use_cases.handover_steps import STEP, handover_timers
from shared.clock import now
from shared.database import Sessions, brand_session
from shared.events.account import CommunitiesAssigned, CustomersAssigned, DraftsAssigned
from shared.events.content import (
    CommunitiesAnswered,
    CommunityResult,
    CustomerResult,
    CustomersAnswered,
    CustomersListed,
    DraftsHandedOver,
    ListedCommunity,
    ListedCustomer,
)
from shared.events.lead import LeadHandoverFinished
from shared.ids import uuid7
from shared.inbox import Inbox
from shared.timers import Due
from tests.account_svc.earning import envelope
from tests.account_svc.making import Api, make_account, make_staff
from tests.caller import Json, uuid_of


async def make_member(api: Api, unit: Json | None = None) -> tuple[Json, Json]:
    """A person with a WeCom account."""
    person = await make_staff(api, unit)
    account = await make_account(
        api, person, platform="wecom", handle=f"wc-{uuid7().hex[-8:]}", domain="private"
    )
    return person, account


async def open_handover(api: Api, leaver: Json, *takers: Json) -> Json:
    taker_ids = [taker["id"] for taker in takers]
    return await api.post("/handovers", {"staff_id": leaver["id"], "taker_ids": taker_ids})


async def state_ownership(api: Api, account: Json, ownership: str) -> Json:
    return await api.post(
        f"/accounts/{account['id']}/state-ownership",
        {"ownership": ownership, "reference": "合同第7条"},
    )


async def counts(api: Api, handover: Json) -> dict[tuple[str, str], int]:
    body = {"ids": [handover["id"]]}
    (found,) = (await api.post("/handovers/progress/by-handovers", body))["items"]
    return {(each["kind"], each["status"]): each["items"] for each in found["counts"]}


async def step(sessions: Sessions, api: Api, handover: Json) -> datetime | None:
    """What the worker does when the timer rings."""
    due = Due(api.brand_id, STEP, uuid_of(handover["id"]), now(), attempt=0)
    return await handover_timers(sessions, bytes(32))[STEP](due)


async def finish_leads(
    api: Api, inbox: Inbox, handover: Json, *, leads: int = 0, contacts: int = 0
) -> None:
    """lead_svc has given everything to the takers."""
    event = LeadHandoverFinished(
        handover_id=uuid_of(handover["id"]), leads=leads, contacts=contacts
    )
    await inbox.take([envelope(api.brand_id, event, 1)])


async def finish_drafts(
    api: Api, inbox: Inbox, handover: Json, *, drafts: int = 0, posts: int = 0
) -> list[DraftsAssigned]:
    """content_svc has given what waits on the accounts that went; what it was asked for."""
    told = await api.events("kos.handover")
    asked = [event for event in told if isinstance(event, DraftsAssigned)]
    for version, each in enumerate(asked, 1):
        event = DraftsHandedOver(
            handover_id=uuid_of(handover["id"]),
            account_id=each.account_id,
            drafts=drafts,
            posts=posts,
        )
        await inbox.take([envelope(api.brand_id, event, version)])
    return asked


async def make_due(api: Api, sessions: Sessions) -> None:
    """As if the wait were over."""
    async with brand_session(sessions, api.brand_id) as session:
        await session.execute(text("update handover_item set due_at = now() where due_at > now()"))


@dataclass
class Platform:
    """content_svc and the platform behind it: tells customers, answers what it was asked."""

    api: Api
    inbox: Inbox
    handover: Json
    account: Json
    book_id: UUID
    version: int = 0
    answered: int = 0

    async def list_customers(
        self,
        moved_at: Sequence[Sequence[datetime]],
        *,
        communities: Sequence[Sequence[datetime]] = (),
        chunk: int = 500,
    ) -> list[UUID]:
        """The ids of the customers; communities are told with the last of them."""
        ids = [uuid7() for _ in moved_at]
        told = [
            ListedCustomer(customer_id=each, moved_at=list(moves))
            for each, moves in zip(ids, moved_at, strict=True)
        ]
        chunks = [told[start : start + chunk] for start in range(0, len(told), chunk)] or [[]]
        for place, some in enumerate(chunks):
            is_last = place == len(chunks) - 1
            groups = [
                ListedCommunity(community_id=uuid7(), moved_at=list(moves)) for moves in communities
            ]
            await self._tell(
                CustomersListed(
                    **self._about(),
                    customers=some,
                    communities=groups if is_last else [],
                    is_last=is_last,
                )
            )
        return ids

    async def asked(self) -> list[CustomersAssigned]:
        """What was not answered yet."""
        told = await self.api.events("kos.handover")
        calls = [event for event in told if isinstance(event, CustomersAssigned)]
        found, self.answered = calls[self.answered :], len(calls)
        return found

    async def asked_communities(self) -> list[CommunitiesAssigned]:
        """All there were so far."""
        told = await self.api.events("kos.handover")
        return [event for event in told if isinstance(event, CommunitiesAssigned)]

    async def answer_communities(
        self, calls: Sequence[CommunitiesAssigned], outcome: Callable[[UUID], str] | str
    ) -> None:
        for call in calls:
            results = [
                CommunityResult(
                    community_id=each,
                    outcome=outcome if isinstance(outcome, str) else outcome(each),
                    at=now(),
                    reason=None,
                )
                for each in call.community_ids
            ]
            await self._tell(CommunitiesAnswered(**self._about(), results=results))

    async def answer(
        self,
        calls: Sequence[CustomersAssigned],
        outcome: Callable[[UUID], str] | str,
        *,
        at: datetime | None = None,
        but: Collection[UUID] = (),
    ) -> None:
        """What came of each customer of these calls, but of some."""
        for call in calls:
            results = [
                CustomerResult(
                    customer_id=each,
                    outcome=outcome if isinstance(outcome, str) else outcome(each),
                    at=at or now(),
                )
                for each in call.customer_ids
                if each not in but
            ]
            await self._tell(CustomersAnswered(**self._about(), results=results))

    def _about(self) -> dict[str, UUID]:
        return {
            "book_id": self.book_id,
            "handover_id": uuid_of(self.handover["id"]),
            "account_id": uuid_of(self.account["id"]),
        }

    async def _tell(self, event: CustomersListed | CustomersAnswered | CommunitiesAnswered) -> None:
        """Twice, as a consumer may get it."""
        self.version += 1
        sent = envelope(self.api.brand_id, event, self.version)
        await self.inbox.take([sent])
        await self.inbox.take([sent])


def platform_of(api: Api, inbox: Inbox, handover: Json, account: Json) -> Platform:
    return Platform(api, inbox, handover, account, uuid7())
