"""Two-stage transfers: only a pair that passed opens one, no step is skipped, each loss has a step
and a cause."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from lead_svc.errors import TransferClosed, TransferStepOutOfOrder
from lead_svc.models import Transfer, TransferStatus
from lead_svc.models.transfer import FIRST_STAGE, SECOND_STAGE, TIME_OUT
from shared.access import Role
from shared.clock import now
from shared.events.account import AccountHandedOver, AccountSuspended
from shared.events.lead import ContactTransferred, LeadInMeans, TransferDropReason, TransferStep
from shared.ids import typed, uuid7
from tests.lead_svc.conftest import Brand, Store
from tests.lead_svc.transferring import (
    act,
    checked,
    complete,
    consent,
    contact_of,
    done_stage_1,
    id_of,
    nothing_happened,
    open_stage_1,
    open_stage_2,
    opened,
    pair_accounts,
    read,
    ready,
    run_out,
    seller_of,
    told_steps,
)

STEPS = list(TransferStep)


async def test_a4_a_pair_that_fails_cannot_open_stage_1_of_a_transfer_and_says_by_which_fields(
    brand: Brand, store: Store
) -> None:
    private = await pair_accounts(brand, store)
    contact_id = await contact_of(brand, store)
    await brand.receive(checked(store, private, "failed", "store", "taboo_words"))

    for by in (seller_of(store), {"role": Role.BRAND_ADMIN}):
        answer = await open_stage_1(brand, store, contact_id, by=by)

        problem = answer.json()
        assert (answer.status_code, problem["code"]) == (409, "pair_failed")
        assert problem["field"] == "/account_id"
        assert problem["detail"] == (
            "the pair failed its check: the accounts differ in store, taboo_words"
        )
    assert await nothing_happened(brand)


async def test_a4_a_pair_that_nobody_checked_cannot_open_a_transfer(
    brand: Brand, store: Store
) -> None:
    private = await pair_accounts(brand, store)
    contact_id = await contact_of(brand, store)

    never = await open_stage_1(brand, store, contact_id)
    await brand.receive(checked(store, private, "unchecked"))
    no_more = await open_stage_1(brand, store, contact_id)

    for answer in (never, no_more):
        assert (answer.status_code, answer.json()["code"]) == (409, "pair_not_checked")
        assert "was not checked" in answer.json()["detail"]
    assert await nothing_happened(brand)


async def test_a4_a_pair_that_passed_opens_one_and_a_later_failed_check_refuses_the_next(
    brand: Brand, store: Store
) -> None:
    private = await pair_accounts(brand, store)
    first, second = [await contact_of(brand, store, f"1381234000{each}") for each in (1, 2)]
    await brand.receive(checked(store, private, "passed"))

    transfer = await opened(brand, store, first)
    await brand.receive(checked(store, private, "failed", "name"))
    refused = await open_stage_1(brand, store, second)
    goes_on = await complete(brand, transfer, "stage_1")

    assert refused.json()["code"] == "pair_failed"
    assert goes_on.json()["step"] == "stage_1_done"
    assert [row["contact_id"] for row in await brand.rows("select contact_id from transfer")] == [
        first
    ]


async def test_a4_checks_told_in_any_order_and_again_leave_the_newest(
    brand: Brand, store: Store
) -> None:
    private = await pair_accounts(brand, store)
    contact_id = await contact_of(brand, store)
    newest = brand.versions[typed("acct", store.account)]
    told = [
        (newest + 1, checked(store, private, "failed", "name")),
        (newest + 2, checked(store, private, "failed", "bio")),
        (newest + 3, checked(store, private, "passed")),
    ]

    for place in (2, 0, 2, 1, 0):
        version, event = told[place]
        await brand.receive_as(event, version)
    await brand.take_parked()

    [row] = await brand.rows("select state, failed_fields, version from seller_pair")
    assert row == {"state": "passed", "failed_fields": [], "version": newest + 3}
    assert (await open_stage_1(brand, store, contact_id)).status_code == 201


async def test_a4_a_check_ends_when_one_of_the_accounts_changes_hands(
    brand: Brand, store: Store
) -> None:
    contact_id = await ready(brand, store)
    other = await brand.add_seller(store.id)
    [row] = await brand.rows("select private_account_id from seller_pair")
    private = row["private_account_id"]

    await brand.receive(AccountHandedOver(account_id=private, staff_id=other, unit_id=store.id))

    answer = await open_stage_1(brand, store, contact_id)
    assert answer.json()["code"] == "pair_not_checked"
    await brand.receive(
        AccountHandedOver(account_id=store.account, staff_id=other, unit_id=store.id)
    )
    answer = await open_stage_1(brand, store, contact_id)
    assert (answer.status_code, answer.json()["code"]) == (422, "account_not_of_owner")
    # both are the other seller's now, but nobody has compared them since
    await brand.execute("update contact set owner_staff_id = :other", other=other)
    answer = await open_stage_1(brand, store, contact_id, by={"role": Role.BRAND_ADMIN})
    assert answer.json()["code"] == "pair_not_checked"
    assert await nothing_happened(brand)


async def test_l10_a_transfer_goes_through_both_stages_and_tells_of_each_step(
    brand: Brand, store: Store
) -> None:
    contact_id = await ready(brand, store)
    given_at = now() - timedelta(minutes=5)

    transfer = await opened(
        brand, store, contact_id, channel="store-7-counter", consent=consent(given_at)
    )
    await complete(brand, transfer, "stage_1")
    await open_stage_2(brand, transfer, channel="club")
    answer = await complete(brand, transfer, "stage_2")

    shown = await read(brand, transfer)
    assert answer.json() == shown
    assert (shown["status"], shown["step"], shown["due_at"]) == ("done", "stage_2_done", None)
    assert shown["closed_at"] is not None
    assert shown["staff_id"] == typed("staff", store.seller)
    assert [step["step"] for step in shown["steps"]] == [step.value for step in STEPS]
    assert [step["number"] for step in shown["steps"]] == [1, 2, 3, 4]
    assert [step["channel"] for step in shown["steps"]] == ["store-7-counter", None, "club", None]
    assert [step["consent"] is not None for step in shown["steps"]] == [True, False, True, False]
    assert [step["taken_by"] for step in shown["steps"]] == ["test:kos", *["test:brand_admin"] * 3]
    consented = shown["steps"][0]["consent"]
    assert datetime.fromisoformat(consented["at"]) == given_at
    assert consented["purpose"] == "private_contact"
    told = await brand.announced(ContactTransferred)
    assert [event.step for event in told] == STEPS
    assert told[0] == ContactTransferred(
        contact_id=contact_id,
        transfer_id=id_of(transfer),
        attempt=1,
        staff_id=store.seller,
        unit_id=store.id,
        account_id=store.account,
        means=LeadInMeans.CONTACT_CARD,
        step=TransferStep.STAGE_1_OPEN,
        dropped_reason=None,
        at=told[0].at,
    )
    assert (TIME_OUT, id_of(transfer)) not in await brand.timers()
    actions = await brand.rows("select action from audit where action like 'transfer.%'")
    assert len(actions) == 4


async def test_l10_saying_a_step_again_changes_nothing(brand: Brand, store: Store) -> None:
    transfer = await done_stage_1(brand, store, await ready(brand, store))

    again = await complete(brand, transfer, "stage_1")
    key = [await act(brand, transfer, "open-second-stage", consent=consent()) for _ in range(2)]

    assert [answer.status_code for answer in (again, *key)] == [200, 200, 200]
    assert await told_steps(brand, transfer) == [(step, None) for step in STEPS[:3]]


async def test_l10_no_contact_skips_a_step_or_takes_one_back(brand: Brand, store: Store) -> None:
    transfer = await opened(brand, store, await ready(brand, store))
    at_first = [await complete(brand, transfer, "stage_2"), await open_stage_2(brand, transfer)]
    await complete(brand, transfer, "stage_1")
    between = await complete(brand, transfer, "stage_2")
    await open_stage_2(brand, transfer)
    before = await read(brand, transfer)

    at_last = await complete(brand, transfer, "stage_1")

    refused = [answer.json() for answer in (*at_first, between, at_last)]
    assert {(each["status"], each["code"]) for each in refused} == {
        (409, "transfer_step_out_of_order")
    }
    assert [each["detail"] for each in refused] == [
        "after stage_1_open comes stage_1_done, not stage_2_done",
        "after stage_1_open comes stage_1_done, not stage_2_open",
        "after stage_1_done comes stage_2_open, not stage_2_done",
        "after stage_2_open comes stage_2_done, not stage_1_done",
    ]
    assert await read(brand, transfer) == before
    assert await told_steps(brand, transfer) == [(step, None) for step in STEPS[:3]]


async def test_l10_a_loss_has_a_step_and_a_cause(brand: Brand, store: Store) -> None:
    contact_id = await ready(brand, store)
    transfer = await done_stage_1(brand, store, contact_id)

    dropped = await act(
        brand,
        transfer,
        "drop",
        reason="customer_left",
        note="王小明 blocked me",
        by=seller_of(store),
    )
    refused = [
        await act(brand, transfer, "drop", reason="customer_silent"),
        await open_stage_2(brand, transfer),
        await complete(brand, transfer, "stage_1"),
    ]
    following = await opened(brand, store, contact_id)

    shown = await read(brand, transfer)
    assert dropped.status_code == 200
    assert (shown["status"], shown["step"]) == ("dropped", "stage_1_done")
    assert (shown["dropped_reason"], shown["note"]) == ("customer_left", "王小明 blocked me")
    assert dropped.json()["note"] == "王小明 blocked me"
    assert shown["steps"][-1]["dropped_reason"] == "customer_left"
    for answer in refused:
        assert (answer.status_code, answer.json()["code"]) == (409, "transfer_closed")
    assert (await told_steps(brand, transfer))[-1] == (TransferStep.STAGE_1_DONE, "customer_left")
    assert following["attempt"] == 2


async def test_l10_only_a_listed_reason_of_a_person_drops(brand: Brand, store: Store) -> None:
    transfer = await opened(brand, store, await ready(brand, store))

    for reason in ("timed_out", "owner_changed", "merged", "no_idea"):
        answer = await act(brand, transfer, "drop", reason=reason)

        assert (answer.status_code, answer.json()["field"]) == (422, "/reason")
    assert await read(brand, transfer) == transfer


async def test_l10_only_allowed_means_and_consent_that_was_given_open_a_transfer(
    brand: Brand, store: Store
) -> None:
    contact_id = await ready(brand, store)
    wrong: list[tuple[str, Any, str]] = [
        ("means", "phone_number_in_text", "/means"),
        ("consent", None, "/consent"),
        ("consent", consent(now() + timedelta(days=1)), "/consent/at"),
        ("consent", consent() | {"at": "0001-01-01T00:00:00+14:00"}, "/consent/at"),
        ("due_at", "2026-01-01T00:00:00Z", "/due_at"),
        ("due_at", (now() + timedelta(days=400)).isoformat(), "/due_at"),
        ("account_id", typed("acct", uuid7()), "/account_id"),
    ]

    for name, value, field in wrong:
        answer = await open_stage_1(brand, store, contact_id, **{name: value})

        assert (answer.status_code, answer.json()["field"]) == (422, field)
    assert await nothing_happened(brand)


async def test_l10_a_contact_has_one_open_transfer(brand: Brand, store: Store) -> None:
    contact_id = await ready(brand, store)
    await opened(brand, store, contact_id)

    answer = await open_stage_1(brand, store, contact_id)

    assert (answer.status_code, answer.json()["code"]) == (409, "transfer_open")
    assert len(await brand.announced(ContactTransferred)) == 1


async def test_l10_of_commands_at_the_same_moment_one_has_its_effect(
    brand: Brand, store: Store
) -> None:
    contact_id = await ready(brand, store)

    answers = await asyncio.gather(*(open_stage_1(brand, store, contact_id) for _ in range(4)))
    [transfer] = [answer.json() for answer in answers if answer.status_code == 201]
    await run_out(brand, transfer)
    completed, *_ = await asyncio.gather(
        complete(brand, transfer, "stage_1"),
        *(brand.run_timer(TIME_OUT, id_of(transfer)) for _ in range(2)),
    )

    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
    told = await told_steps(brand, transfer)
    last = (STEPS[1], None) if completed.status_code == 200 else (STEPS[0], "timed_out")
    assert told == [(STEPS[0], None), last]
    assert len((await read(brand, transfer))["steps"]) == 2


async def test_l10_a_suspended_account_leads_nobody_in(brand: Brand, store: Store) -> None:
    contact_id = await ready(brand, store)
    await brand.receive(AccountSuspended(account_id=store.account, reason="x"))

    answer = await open_stage_1(brand, store, contact_id)

    assert (answer.status_code, answer.json()["code"]) == (409, "account_closed")
    assert await nothing_happened(brand)


async def test_l10_each_stage_has_a_time_and_what_runs_out_is_dropped_once(
    brand: Brand, store: Store
) -> None:
    contact_id = await ready(brand, store)
    transfer = await opened(brand, store, contact_id)
    first_due = datetime.fromisoformat(transfer["due_at"])

    too_early = await brand.run_timer(TIME_OUT, id_of(transfer))
    await complete(brand, transfer, "stage_1")
    after = await read(brand, transfer)
    [timer] = await brand.rows("select due_at from timer where kind = :kind", kind=TIME_OUT)
    await run_out(brand, transfer)
    for _ in range(2):
        await brand.run_timer(TIME_OUT, id_of(transfer))

    shown = await read(brand, transfer)
    opened_at = datetime.fromisoformat(transfer["opened_at"])
    assert first_due == too_early == opened_at + FIRST_STAGE
    taken_at = datetime.fromisoformat(after["steps"][1]["taken_at"])
    assert datetime.fromisoformat(after["due_at"]) == timer["due_at"] == taken_at + SECOND_STAGE
    assert (shown["status"], shown["dropped_reason"]) == ("dropped", "timed_out")
    assert await told_steps(brand, transfer) == [
        (TransferStep.STAGE_1_OPEN, None),
        (TransferStep.STAGE_1_DONE, None),
        (TransferStep.STAGE_1_DONE, "timed_out"),
    ]
    assert (TIME_OUT, id_of(transfer)) not in await brand.timers()


COMMANDS = st.sampled_from([*TransferStep, *TransferDropReason])


@given(st.lists(COMMANDS, max_size=12))
def test_l10_any_commands_reach_the_steps_in_order_and_end_once(commands: list[Any]) -> None:
    at = now()
    transfer = Transfer(status=TransferStatus.OPEN, step=TransferStep.STAGE_1_OPEN)
    reached = [transfer.step]
    ends = 0

    for command in commands:
        before = (transfer.status, transfer.step, transfer.dropped_reason)
        try:
            if isinstance(command, TransferStep):
                transfer.move_to(command, due_at=None, at=at)
                reached.append(transfer.step)
            else:
                transfer.drop(command, at=at)
            ends += transfer.status is not TransferStatus.OPEN
        except TransferClosed:
            assert before[0] is not TransferStatus.OPEN
        except TransferStepOutOfOrder:
            assert command is not STEPS[len(reached)]
            assert before == (transfer.status, transfer.step, transfer.dropped_reason)

    assert reached == STEPS[: len(reached)]
    assert ends == (transfer.status is not TransferStatus.OPEN)
    assert (transfer.dropped_reason is not None) == (transfer.status is TransferStatus.DROPPED)
    assert (transfer.closed_at is None) == (transfer.status is TransferStatus.OPEN)
