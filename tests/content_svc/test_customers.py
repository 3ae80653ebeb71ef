"""Customers of a member who leaves, against the sandbox's WeCom: listed, moved once, looked up."""

from collections import Counter
from datetime import UTC, datetime
from uuid import UUID

import pytest

from content_svc.use_cases.customers import WORK
from shared.clock import now
from shared.events.account import AccountRegistered, CustomersAssigned, HandoverOpened, Platform
from shared.events.content import CustomersAnswered, CustomersListed
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
        account_id = self.leaver.account_id
        assert self.leaver.staff_id is not None
        await self.brand.tell(
            HandoverOpened(
                handover_id=self.handover_id,
                staff_id=self.leaver.staff_id,
                customers_of=[account_id],
            )
        )
        await self.work()
        return [each.customer_id for event in await self.listed() for each in event.customers]

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


@pytest.fixture
async def leaving(brand: Brand, sandbox: Sandbox, worker: Worker) -> Leaving:
    """A leaver with 120 customers and two takers with the same number of their own."""
    await sandbox.client.put(
        f"/sandbox/apps/wecom/{CORP_ID}", json={"secret": "wecom", "customers_per_member": 120}
    )
    members = [await make_account(brand, Platform.WECOM) for _ in range(3)]
    await authorize_wecom(brand, sandbox, members)
    return Leaving(brand, sandbox, worker, members)


async def test_a6_customers_are_listed_moved_in_calls_of_a_hundred_and_seen_with_the_taker(
    leaving: Leaving, sandbox: Sandbox
) -> None:
    customers = await leaving.open()
    before = await follows(sandbox, leaving.leaver)
    first, second = leaving.takers
    await leaving.assign(first, customers[:100])
    await leaving.assign(second, customers[100:])

    look_at = await leaving.work()
    accepted = await leaving.outcomes()
    await leaving.a_day_later()
    await leaving.work()

    assert len(customers) == len(before) == 120
    assert [event.is_last for event in await leaving.listed()] == [True]
    assert Counter(outcome for _, outcome in accepted) == {"accepted": 120}
    assert look_at is not None
    assert (look_at - now()).total_seconds() == pytest.approx(A_DAY, abs=60)
    assert Counter(outcome for _, outcome in await leaving.outcomes()) == {
        "accepted": 120,
        "moved": 120,
    }
    assert await follows(sandbox, leaving.leaver) == set()
    with_takers = await follows(sandbox, first) | await follows(sandbox, second)
    assert before <= with_takers


async def test_a6_a_lost_answer_is_looked_up_and_nobody_is_asked_for_twice(
    leaving: Leaving, sandbox: Sandbox
) -> None:
    customers = await leaving.open()
    await leaving.assign(leaving.takers[0], customers[:100])
    await sandbox.fault("timeout_after_success", TRANSFER, count=1, hold_seconds=1.2)
    await sandbox.fault("delay", TRANSFER, delay_seconds=0)

    retry_at = await leaving.work()
    silent = await leaving.outcomes()
    await leaving.work()

    faults = (await sandbox.get("/sandbox/faults"))["faults"]
    assert retry_at is not None
    assert silent == []
    assert Counter(outcome for _, outcome in await leaving.outcomes()) == {"accepted": 100}
    assert [each["seen"] for each in faults if each["kind"] == "timeout_after_success"] == [1]


async def test_a6_a_call_that_never_arrived_is_made_again(
    leaving: Leaving, sandbox: Sandbox
) -> None:
    customers = await leaving.open()
    await leaving.assign(leaving.takers[0], customers[:10])
    await sandbox.fault("connection_reset", TRANSFER, count=1)

    await leaving.work()
    await leaving.work()

    assert Counter(outcome for _, outcome in await leaving.outcomes()) == {"accepted": 10}


async def test_a6_refusals_full_takers_and_repeats_are_told_as_the_platform_says_them(
    leaving: Leaving, sandbox: Sandbox
) -> None:
    refusing = min(await follows(sandbox, leaving.leaver))
    full, taker = leaving.takers
    await sandbox.client.put(
        f"/sandbox/apps/wecom/{CORP_ID}",
        json={
            "secret": "wecom",
            "customers_per_member": 120,
            "refusing_customers": [refusing],
            "full_members": [full.handle],
        },
    )
    customers = await leaving.open()
    await leaving.assign(full, customers[:5])
    await leaving.work()
    to_full = await leaving.outcomes()
    await leaving.assign(taker, customers[:100])
    await leaving.assign(taker, customers[100:])
    await leaving.work()
    again = Leaving(leaving.brand, sandbox, leaving.worker, [leaving.leaver, full, taker])
    known = await again.open()
    await again.assign(taker, known[:3])
    await again.work()
    busy = (await again.outcomes())[-3:]
    await leaving.a_day_later()
    await leaving.work()

    told = Counter(outcome for _, outcome in await leaving.outcomes())
    moves = [each.moved_at for event in await again.listed() for each in event.customers]
    assert Counter(outcome for _, outcome in to_full) == {"taker_full": 5}
    assert {outcome for _, outcome in busy} == {"in_progress"}
    assert (told["moved"], told["refused"]) == (119, 1)
    assert await follows(sandbox, leaving.leaver) == {refusing}
    assert [len(each) for each in moves] == [1] * 120  # the plan knows of earlier moves
    assert moves[0][0] <= datetime.now(UTC)


async def test_a6_who_the_customers_are_stays_in_the_service(
    leaving: Leaving, sandbox: Sandbox
) -> None:
    names = await follows(sandbox, leaving.leaver)
    customers = await leaving.open()
    await leaving.assign(leaving.takers[0], customers[:10])
    await leaving.work()

    rows = [
        (await leaving.brand.sql(f"select string_agg(t::text, ' ') from {table} t"))[0][0]
        for table in ("moving_customer", "customer_move", "customer_book")
    ]
    events = " ".join(
        event.data().decode() for event in await leaving.brand.events("kos.customers")
    )
    stored = " ".join(rows)
    assert len(names) == 120
    for name in names:
        assert name not in stored
        assert name.encode().hex() not in stored
        assert name not in events
