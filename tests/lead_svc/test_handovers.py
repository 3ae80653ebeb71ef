"""Leads and contacts of somebody who leaves go to others, once, and to nobody who may not."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from lead_svc.models.offer import WITHDRAW
from lead_svc.use_cases.handovers import INHERIT
from shared.clock import now
from shared.events import Event
from shared.events.account import (
    HandoverCancelled,
    HandoverFinished,
    HandoverStarted,
    HandoverTakersChanged,
    StaffAbsent,
    StaffDeparted,
)
from shared.events.lead import (
    CommunityChanged,
    ContactHandedOver,
    LeadHandedOver,
    LeadHandoverCancelled,
    LeadHandoverFinished,
    LeadWithdrawn,
)
from shared.ids import typed, uuid7
from tests.lead_svc.conftest import Brand, Store
from tests.lead_svc.hosting import id_of, register
from tests.lead_svc.offering import accept, counted_loads, loads, offer_of


async def take_leads(brand: Brand, store: Store, number: int) -> list[UUID]:
    """Leads that the store's seller owns."""
    ids = []
    for each in range(number):
        lead_id = await brand.lead(post_url=store.url, phone=f"1391234{each:04d}")
        offer = await offer_of(brand, lead_id)
        assert offer["staff_id"] == store.seller
        await accept(brand, lead_id, store.seller)
        ids.append(lead_id)
    return ids


async def hand_on(brand: Brand, handover_id: UUID) -> datetime | None:
    """Ring the timer until it is to ring later."""
    for _ in range(20):
        next_at: datetime | None = await brand.run_timer(INHERIT, handover_id)
        if next_at is None or next_at > now():
            return next_at
    raise AssertionError("it never ends")


async def start(brand: Brand, leaver: UUID, *takers: UUID) -> UUID:
    handover_id = uuid7()
    await brand.receive(
        HandoverStarted(handover_id=handover_id, staff_id=leaver, taker_ids=list(takers))
    )
    return handover_id


async def owners(brand: Brand) -> Counter[UUID]:
    rows = await brand.rows("select staff_id from lead where status = 'accepted'")
    return Counter(row["staff_id"] for row in rows)


async def test_a6_open_leads_and_contacts_go_to_the_takers_and_that_is_told_once(
    brand: Brand, store: Store
) -> None:
    lead_ids = await take_leads(brand, store, 4)
    takers = [await brand.add_seller(store.id, capacity=10) for _ in range(2)]
    await brand.receive(StaffDeparted(staff_id=store.seller))

    handover_id = await start(brand, store.seller, *takers)
    await hand_on(brand, handover_id)
    await hand_on(brand, handover_id)

    told = await brand.announced(LeadHandedOver)
    handed_on = await brand.announced(ContactHandedOver)
    contacts = await brand.rows("select id, owner_staff_id from contact")
    leads = await brand.rows("select contact_id, staff_id from lead")
    assert await owners(brand) == dict.fromkeys(takers, 2)
    assert {event.lead_id for event in told} == set(lead_ids)
    assert {event.from_staff_id for event in told} == {store.seller}
    assert len(handed_on) == 4
    # who follows the lead follows the contact
    assert {row["id"]: row["owner_staff_id"] for row in contacts} == {
        row["contact_id"]: row["staff_id"] for row in leads
    }
    assert await brand.announced(LeadHandoverFinished) == [
        LeadHandoverFinished(handover_id=handover_id, leads=4, contacts=4)
    ]
    assert await loads(brand) == await counted_loads(brand)


async def test_a6_leads_wait_for_somebody_who_is_there_and_has_room(
    brand: Brand, store: Store
) -> None:
    await take_leads(brand, store, 3)
    small = await brand.add_seller(store.id, capacity=2)
    away = await brand.add_seller(store.id, capacity=10)
    await brand.receive(StaffAbsent(staff_id=away, from_at=now(), until_at=now() + timedelta(1)))

    handover_id = await start(brand, store.seller, small, away)
    again_at = await hand_on(brand, handover_id)
    waiting = await owners(brand)
    await brand.execute("update seller set open_lead_capacity = 5 where id = :id", id=small)
    await hand_on(brand, handover_id)

    assert again_at is not None
    assert waiting == {small: 2, store.seller: 1}
    assert await owners(brand) == {small: 3}
    assert await loads(brand) == await counted_loads(brand)
    assert len(await brand.announced(LeadHandoverFinished)) == 1


async def test_a6_who_hands_everything_on_gets_no_new_lead_until_that_is_over(
    brand: Brand, store: Store
) -> None:
    taker = await brand.add_seller(store.id, capacity=10)
    over: tuple[Callable[..., Event], ...] = (
        HandoverFinished,
        partial(HandoverCancelled, reason="stays"),
    )

    for number, end in enumerate(over):
        handover_id = await start(brand, store.seller, taker)
        meanwhile = await brand.lead(post_url=store.url, phone=f"1371234{number:04d}")
        await brand.receive(end(handover_id=handover_id, staff_id=store.seller))
        afterwards = await brand.lead(post_url=store.url, phone=f"1361234{number:04d}")

        assert (await offer_of(brand, meanwhile))["staff_id"] == taker
        assert (await offer_of(brand, afterwards))["staff_id"] == store.seller
        [decision] = await brand.rows(
            "select candidates from decision where lead_id = :id", id=meanwhile
        )
        causes = {each["staff_id"]: each["rejected_because"] for each in decision["candidates"]}
        assert causes[typed("staff", store.seller)] == "leaving"


async def test_a6_what_is_on_offer_is_taken_back_or_handed_on_before_the_end(
    brand: Brand, store: Store
) -> None:
    offered = [
        await brand.lead(post_url=store.url, phone=f"1351234{number:04d}") for number in range(2)
    ]
    taker = await brand.add_seller(store.id, capacity=10)

    handover_id = await start(brand, store.seller, taker)
    too_early = await hand_on(brand, handover_id)
    # faster than what takes the offers back
    await accept(brand, offered[0], store.seller)
    [row] = await brand.rows("select offer_id from lead where id = :id", id=offered[1])
    await brand.run_timer(WITHDRAW, row["offer_id"])
    await hand_on(brand, handover_id)

    assert too_early is not None
    assert await owners(brand) == {taker: 1}
    assert [event.reason for event in await brand.announced(LeadWithdrawn)] == ["leaving"]
    assert (await offer_of(brand, offered[1]))["staff_id"] == taker
    assert await brand.announced(LeadHandoverFinished) == [
        LeadHandoverFinished(handover_id=handover_id, leads=1, contacts=1)
    ]
    assert await loads(brand) == await counted_loads(brand)


async def test_a6_communities_go_to_a_taker_of_their_unit_or_else_to_their_deputy(
    brand: Brand, store: Store
) -> None:
    far = await brand.add_seller(store.region)
    near, deputy, colleague = [await brand.add_seller(store.id) for _ in range(3)]
    leaver = typed("staff", store.seller)
    hosted = await register(brand, store, deputy_staff_id=typed("staff", near))
    helped = await register(
        brand,
        store,
        platform_group_id="g2",
        host_staff_id=typed("staff", colleague),
        deputy_staff_id=leaver,
    )

    await hand_on(brand, await start(brand, store.seller, far, near))
    again = await register(
        brand, store, platform_group_id="g3", deputy_staff_id=typed("staff", deputy)
    )
    alone = await register(brand, store, platform_group_id="g4")
    await hand_on(brand, await start(brand, store.seller, far))

    rows = await brand.rows("select id, host_staff_id, deputy_staff_id from community")
    who = {row["id"]: (row["host_staff_id"], row["deputy_staff_id"]) for row in rows}
    assert who[id_of("comm", hosted)] == (near, None)
    assert who[id_of("comm", helped)] == (colleague, None)
    assert who[id_of("comm", again)] == (deputy, None)
    # nobody of its unit: somebody has to name one
    assert who[id_of("comm", alone)] == (store.seller, None)
    told = [event.community_id for event in await brand.announced(CommunityChanged)]
    assert told == [id_of("comm", each) for each in (hosted, helped, again)]


async def test_a6_after_a_cancelling_no_more_is_handed_on_and_how_much_was_is_told_once(
    brand: Brand, store: Store
) -> None:
    await take_leads(brand, store, 3)
    small = await brand.add_seller(store.id, capacity=2)
    handover_id = await start(brand, store.seller, small)
    await hand_on(brand, handover_id)
    cancelled = HandoverCancelled(handover_id=handover_id, staff_id=store.seller, reason="stays")

    await brand.receive(cancelled)
    await brand.receive(cancelled)
    await brand.execute("update seller set open_lead_capacity = 5 where id = :id", id=small)
    next_at = await hand_on(brand, handover_id)

    assert next_at is None
    assert await owners(brand) == {small: 2, store.seller: 1}
    assert await brand.announced(LeadHandoverCancelled) == [
        LeadHandoverCancelled(handover_id=handover_id, leads=2, contacts=0)
    ]
    assert await brand.announced(LeadHandoverFinished) == []


async def test_a6_a_start_that_is_heard_of_after_the_cancelling_hands_nothing_on(
    brand: Brand, store: Store
) -> None:
    await take_leads(brand, store, 1)
    taker = await brand.add_seller(store.id, capacity=5)
    handover_id = uuid7()
    await brand.receive(
        HandoverCancelled(handover_id=handover_id, staff_id=store.seller, reason="stays")
    )

    await brand.receive(
        HandoverStarted(handover_id=handover_id, staff_id=store.seller, taker_ids=[taker])
    )
    await hand_on(brand, handover_id)

    assert await owners(brand) == {store.seller: 1}
    assert len(await brand.announced(LeadHandoverCancelled)) == 1


async def test_a6_what_is_finished_already_is_not_cancelled(brand: Brand, store: Store) -> None:
    taker = await brand.add_seller(store.id, capacity=5)
    handover_id = await start(brand, store.seller, taker)
    await hand_on(brand, handover_id)

    await brand.receive(
        HandoverCancelled(handover_id=handover_id, staff_id=store.seller, reason="stays")
    )

    assert len(await brand.announced(LeadHandoverFinished)) == 1
    assert await brand.announced(LeadHandoverCancelled) == []


async def test_a6_other_takers_take_what_the_first_ones_had_no_room_for(
    brand: Brand, store: Store
) -> None:
    await take_leads(brand, store, 3)
    small = await brand.add_seller(store.id, capacity=1)
    other = await brand.add_seller(store.id, capacity=5)
    handover_id = await start(brand, store.seller, small)
    await hand_on(brand, handover_id)
    changed = HandoverTakersChanged(
        handover_id=handover_id, staff_id=store.seller, taker_ids=[other]
    )

    await brand.receive(changed)
    await hand_on(brand, handover_id)
    await brand.receive(changed)
    await hand_on(brand, handover_id)

    contacts = await brand.rows("select owner_staff_id from contact")
    assert await owners(brand) == {small: 1, other: 2}
    assert Counter(row["owner_staff_id"] for row in contacts) == {other: 3}
    assert await brand.announced(LeadHandoverFinished) == [
        LeadHandoverFinished(handover_id=handover_id, leads=3, contacts=3)
    ]
