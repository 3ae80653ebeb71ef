"""A transfer when its contact turns out to be another one, changes hands or is erased."""

from lead_svc.models.transfer import TIME_OUT
from lead_svc.use_cases.handovers import INHERIT
from shared.access import Role
from shared.events.account import HandoverStarted, StaffDeparted
from shared.events.lead import ContactMerged, ContactTransferred, TransferStep
from shared.ids import typed, uuid7
from tests.lead_svc.conftest import Brand, Store
from tests.lead_svc.offering import PHONE
from tests.lead_svc.transferring import (
    act,
    complete,
    contact_of,
    done_stage_1,
    id_of,
    open_stage_1,
    open_stage_2,
    opened,
    read,
    ready,
    run_out,
    told_steps,
)

OTHER_PHONE = "13812340002"


async def prove_one_person(brand: Brand, store: Store, *phones: str) -> None:
    """Leads of the same WeChat name: the contacts of these telephones are one."""
    for phone in phones:
        await brand.lead(post_url=store.url, phone=phone, wechat="wx-same")


async def test_l10_a_transfer_follows_its_contact_into_the_one_that_stays(
    brand: Brand, store: Store
) -> None:
    first = await ready(brand, store)
    second = await contact_of(brand, store, OTHER_PHONE)
    transfer = await done_stage_1(brand, store, second)

    await prove_one_person(brand, store, PHONE, OTHER_PHONE)

    [merged] = await brand.announced(ContactMerged)
    goes_on = await complete(brand, transfer, "stage_1")
    shown = await read(brand, transfer)
    assert (merged.contact_id, merged.merged_contact_id) == (first, second)
    assert shown["contact_id"] == typed("contact", first)
    assert (goes_on.status_code, shown["status"]) == (200, "open")
    [history] = await brand.rows("select transfer_ids from contact_merge")
    assert history["transfer_ids"] == [id_of(transfer)]


async def test_l10_of_two_open_transfers_of_one_person_one_goes_on(
    brand: Brand, store: Store
) -> None:
    first = await ready(brand, store)
    second = await contact_of(brand, store, OTHER_PHONE)
    kept = await opened(brand, store, first)
    lost = await done_stage_1(brand, store, second)

    await prove_one_person(brand, store, PHONE, OTHER_PHONE)

    shown = await read(brand, lost)
    assert (shown["status"], shown["dropped_reason"]) == ("dropped", "merged")
    assert shown["contact_id"] == typed("contact", first)
    assert (await told_steps(brand, lost))[-1] == (TransferStep.STAGE_1_DONE, "merged")
    assert {event.contact_id for event in await brand.announced(ContactTransferred)} == {
        first,
        second,
    }
    assert (await read(brand, kept))["status"] == "open"
    assert (await open_stage_1(brand, store, first)).json()["code"] == "transfer_open"


async def test_l10_a_leaver_s_transfers_go_to_the_taker_once_stage_1_is_done(
    brand: Brand, store: Store
) -> None:
    under_way = await opened(brand, store, await ready(brand, store))
    done = await done_stage_1(brand, store, await contact_of(brand, store, OTHER_PHONE))
    taker = await brand.add_seller(store.id)
    handover_id = uuid7()
    await brand.receive(StaffDeparted(staff_id=store.seller))

    await brand.receive(
        HandoverStarted(handover_id=handover_id, staff_id=store.seller, taker_ids=[taker])
    )
    for _ in range(4):
        await brand.run_timer(INHERIT, handover_id)
    await open_stage_2(brand, done)

    dropped, goes_on = await read(brand, under_way), await read(brand, done)
    assert (dropped["status"], dropped["dropped_reason"]) == ("dropped", "owner_changed")
    assert dropped["staff_id"] == typed("staff", store.seller)
    assert (goes_on["status"], goes_on["staff_id"]) == ("open", typed("staff", taker))
    assert [step["staff_id"] for step in goes_on["steps"]] == [
        *[typed("staff", store.seller)] * 2,
        typed("staff", taker),
    ]


async def test_l3_what_was_noted_at_a_drop_is_sealed_and_its_readers_are_audited(
    brand: Brand, store: Store
) -> None:
    await ready(brand, store)
    second = await contact_of(brand, store, OTHER_PHONE)
    transfer = await opened(brand, store, second)
    await act(brand, transfer, "drop", reason="customer_silent", note="王小明 keeps silent")
    await prove_one_person(brand, store, PHONE, OTHER_PHONE)

    in_clear = await read(brand, transfer)
    masked = [await read(brand, transfer, role=role) for role in (Role.SCRM, Role.ANALYST)]

    [row] = await brand.rows("select note, contact_id, note_subject_id from transfer")
    assert "王小明".encode() not in row["note"]
    assert (row["note_subject_id"], row["contact_id"] != second) == (second, True)
    assert in_clear["note"] == "王小明 keeps silent"
    assert [each["note"] for each in masked] == [None, None]
    read_by = await brand.rows("select actor from audit where action = 'transfer.read'")
    assert read_by == [{"actor": "test:brand_admin"}]


async def test_l10_an_erased_contact_goes_no_further_and_its_note_is_gone(
    brand: Brand, store: Store
) -> None:
    contact_id = await ready(brand, store)
    earlier = await opened(brand, store, contact_id)
    await act(brand, earlier, "drop", reason="customer_silent", note="王小明 keeps silent")
    transfer = await opened(brand, store, contact_id)

    await brand.post(f"/contacts/{typed('contact', contact_id)}/erase")

    refused = [
        await complete(brand, transfer, "stage_1"),
        await act(brand, transfer, "drop", reason="customer_left", note="王小明"),
        await open_stage_1(brand, store, contact_id),
    ]
    assert {answer.json()["code"] for answer in refused} == {"contact_erased"}
    assert (await read(brand, earlier))["note"] is None
    await run_out(brand, transfer)
    await brand.run_timer(TIME_OUT, id_of(transfer))
    assert (await read(brand, transfer))["dropped_reason"] == "timed_out"
