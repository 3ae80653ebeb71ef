"""A leaver's handover as content_svc hears and tells it, against the sandbox's WeCom."""

from datetime import datetime
from typing import Any
from uuid import UUID

from content_svc.use_cases.customers import WORK
from shared.events.account import (
    AccountRegistered,
    CommunitiesAssigned,
    CustomersAssigned,
    HandoverCancelled,
    HandoverOpened,
    Platform,
)
from shared.events.content import CommunitiesAnswered, CustomersAnswered, CustomersListed
from shared.ids import uuid7
from tests.content_svc.making import Brand, make_account
from tests.content_svc.sandbox import CORP_ID, Sandbox, Worker, authorize_wecom

TRANSFER = "/cgi-bin/externalcontact/transfer_customer"
A_DAY = 86_400


class Leaving:
    """A leaver's handover as its events tell it."""

    def __init__(
        self, brand: Brand, sandbox: Sandbox, worker: Worker, members: list[AccountRegistered]
    ) -> None:
        self.brand, self.sandbox, self.worker = brand, sandbox, worker
        self.leaver, *self.takers = members
        self.handover_id = uuid7()

    async def open(self) -> list[UUID]:
        """The customers that were listed."""
        await self.tell_opened()
        await self.work()
        return [each.customer_id for event in await self.listed() for each in event.customers]

    async def tell_opened(self) -> None:
        account_id = self.leaver.account_id
        assert self.leaver.staff_id is not None
        await self.brand.tell(
            HandoverOpened(
                handover_id=self.handover_id,
                staff_id=self.leaver.staff_id,
                customers_of=[account_id],
            )
        )

    async def listed(self) -> list[CustomersListed]:
        told = await self.brand.events("kos.customers")
        return [
            event
            for event in told
            if isinstance(event, CustomersListed) and event.handover_id == self.handover_id
        ]

    async def assign(self, taker: AccountRegistered, customers: list[UUID]) -> None:
        assert taker.staff_id is not None
        await self.brand.tell(
            CustomersAssigned(
                handover_id=self.handover_id,
                call_id=uuid7(),
                account_id=self.leaver.account_id,
                taker_id=taker.staff_id,
                taker_account_id=taker.account_id,
                customer_ids=customers,
            )
        )

    async def communities(self) -> list[UUID]:
        return [each.community_id for event in await self.listed() for each in event.communities]

    async def assign_communities(self, taker: AccountRegistered, communities: list[UUID]) -> None:
        assert taker.staff_id is not None
        await self.brand.tell(
            CommunitiesAssigned(
                handover_id=self.handover_id,
                call_id=uuid7(),
                account_id=self.leaver.account_id,
                taker_id=taker.staff_id,
                taker_account_id=taker.account_id,
                community_ids=communities,
            )
        )

    async def community_outcomes(self) -> list[tuple[UUID, str, str | None]]:
        told = await self.brand.events("kos.customers")
        return [
            (result.community_id, result.outcome, result.reason)
            for event in told
            if isinstance(event, CommunitiesAnswered)
            for result in event.results
        ]

    async def keys(self) -> int:
        """How many books can be read."""
        (row,) = await self.brand.sql(
            "select count(*) as number from data_key k join customer_book b"
            " on b.brand_id = k.brand_id and b.id = k.subject_id where k.brand_id = :b"
        )
        return int(row.number)

    async def cancel(self) -> None:
        assert self.leaver.staff_id is not None
        await self.brand.tell(
            HandoverCancelled(
                handover_id=self.handover_id, staff_id=self.leaver.staff_id, reason="stays"
            )
        )

    async def work(self) -> datetime | None:
        """What the timer does, until it is to ring later."""
        (book,) = await self.brand.sql(
            "select id from customer_book where brand_id = :b and handover_id = :h",
            h=self.handover_id,
        )
        return await self.worker.run(self.brand, WORK, book.id)

    async def a_day_later(self) -> None:
        await self.sandbox.post("/sandbox/clock", {"advance_seconds": A_DAY + 1})
        await self.brand.sql(
            "update moving_customer set look_at = now() where brand_id = :b"
            " and look_at is not null returning 1"
        )

    async def outcomes(self) -> list[tuple[UUID, str]]:
        told = await self.brand.events("kos.customers")
        return [
            (result.customer_id, result.outcome)
            for event in told
            if isinstance(event, CustomersAnswered)
            for result in event.results
        ]


async def follows(sandbox: Sandbox, member: AccountRegistered) -> set[str]:
    """Whose customers they are, as the platform says."""
    token = await sandbox.get("/cgi-bin/gettoken", corpid=CORP_ID, corpsecret="wecom")
    found = await sandbox.get(
        "/cgi-bin/externalcontact/list",
        access_token=token["access_token"],
        userid=member.handle,
    )
    return set(found.get("external_userid", []))


async def groups_of(sandbox: Sandbox, member: AccountRegistered) -> set[str]:
    """Whose groups they are, as the platform says."""
    token = await sandbox.get("/cgi-bin/gettoken", corpid=CORP_ID, corpsecret="wecom")
    found = await sandbox.post(
        f"/cgi-bin/externalcontact/groupchat/list?access_token={token['access_token']}",
        {"owner_filter": {"userid_list": [member.handle]}, "limit": 1000},
    )
    return {each["chat_id"] for each in found["group_chat_list"]}


async def make_leaving(brand: Brand, sandbox: Sandbox, worker: Worker, **corp: Any) -> Leaving:
    """A leaver with 120 customers and two takers with the same number of their own."""
    await sandbox.client.put(
        f"/sandbox/apps/wecom/{CORP_ID}",
        json={"secret": "wecom", "customers_per_member": 120} | corp,
    )
    members = [await make_account(brand, Platform.WECOM) for _ in range(3)]
    await authorize_wecom(brand, sandbox, members)
    return Leaving(brand, sandbox, worker, members)
