"""Transfers pay for each stage that is done, once, and keep what they paid."""

from collections.abc import Iterable
from datetime import timedelta

import pytest

from account_svc.consumers import HANDLERS
from shared.database import Sessions
from shared.events.account import IncentivePosted
from shared.events.lead import ContactTransferred, LeadInMeans, TransferDropReason, TransferStep
from shared.ids import typed, uuid7
from shared.inbox import Inbox
from tests.account_svc.earning import AT, deliver, ledger, make_rule
from tests.account_svc.making import Api, make_staff
from tests.caller import Json, uuid_of

STEPS = list(TransferStep)


def steps_of(
    seller: Json,
    steps: Iterable[TransferStep],
    *,
    dropped: TransferDropReason | None = None,
    attempt: int = 1,
    means: LeadInMeans = LeadInMeans.CONTACT_CARD,
) -> list[ContactTransferred]:
    """What is told of one transfer, which is `dropped` after the last of the steps."""
    told = [(step, None) for step in steps]
    ids = {"contact_id": uuid7(), "transfer_id": uuid7(), "account_id": uuid7()}
    reached = [*told, (told[-1][0], dropped)] if dropped else told
    return [
        ContactTransferred(
            **ids,
            attempt=attempt,
            staff_id=uuid_of(seller["id"]),
            unit_id=uuid_of(seller["unit_id"]),
            means=means,
            step=step,
            dropped_reason=reason,
            at=AT + timedelta(hours=number),
        )
        for number, (step, reason) in enumerate(reached)
    ]


async def make_rules(api: Api) -> None:
    await make_rule(api, trigger="transfer_stage_1", amount=20)
    await make_rule(api, trigger="transfer_stage_2", amount=50)


async def test_a11_each_stage_of_a_transfer_pays_once_however_often_it_is_told(
    api: Api, inbox: Inbox, seller: Json
) -> None:
    await make_rules(api)
    told = steps_of(seller, STEPS)

    await deliver(api, inbox, *told)
    await deliver(api, inbox, *told, first_version=5)

    entries = await ledger(api)
    cause = f"{typed('contact', told[0].contact_id)}/{seller['id']}"
    assert [(entry["cause"], entry["debit"], entry["amount"]) for entry in entries] == [
        (cause, "rewards/transfer_stage_1", 20),
        (cause, "rewards/transfer_stage_2", 50),
    ]
    assert {entry["credit"] for entry in entries} == {seller["id"]}
    assert [entry["earned_at"] for entry in entries] == [
        "2026-11-10T04:00:00Z",
        "2026-11-10T06:00:00Z",
    ]
    posted = await api.events("kos.incentive")
    assert [type(each) for each in posted] == [IncentivePosted, IncentivePosted]


async def test_a11_who_loses_a_contact_and_leads_them_over_again_is_not_paid_again(
    api: Api, inbox: Inbox, seller: Json
) -> None:
    await make_rules(api)
    first = steps_of(seller, STEPS[:2], dropped=TransferDropReason.CUSTOMER_LEFT)
    other_transfer = {"transfer_id": uuid7(), "contact_id": first[0].contact_id}
    again = [event.model_copy(update=other_transfer) for event in steps_of(seller, STEPS)]

    await deliver(api, inbox, *first)
    await deliver(api, inbox, *again, first_version=4)

    assert [entry["amount"] for entry in await ledger(api)] == [20, 50]


@pytest.mark.parametrize(
    ("reached", "paid"), [(STEPS[:1], []), (STEPS[:2], [20]), (STEPS[:3], [20])]
)
async def test_a11_a_transfer_that_is_dropped_keeps_what_its_stages_earned(
    api: Api, inbox: Inbox, seller: Json, reached: list[TransferStep], paid: list[int]
) -> None:
    await make_rules(api)

    await deliver(api, inbox, *steps_of(seller, reached, dropped=TransferDropReason.CUSTOMER_LEFT))

    assert [entry["amount"] for entry in await ledger(api)] == paid


async def test_a11_each_stage_pays_the_seller_whose_transfer_it_was_then(
    api: Api, inbox: Inbox, seller: Json
) -> None:
    await make_rules(api)
    taker = await make_staff(api)
    told = steps_of(seller, STEPS)
    passed_on = {"staff_id": uuid_of(taker["id"]), "unit_id": uuid_of(taker["unit_id"])}

    await deliver(
        api, inbox, *told[:2], *(event.model_copy(update=passed_on) for event in told[2:])
    )

    assert [(entry["staff_id"], entry["amount"]) for entry in await ledger(api)] == [
        (seller["id"], 20),
        (taker["id"], 50),
    ]


async def test_a11_a_formula_may_pay_the_first_try_alone_and_by_its_means(
    api: Api, inbox: Inbox, seller: Json
) -> None:
    formula = '(30 if means == "store_visit" else 10) if attempt == 1 else 0'
    await make_rule(api, trigger="transfer_stage_1", amount=0, formula=formula)

    for attempt, means in (
        (1, LeadInMeans.STORE_VISIT),
        (1, LeadInMeans.CONTACT_CARD),
        (2, LeadInMeans.STORE_VISIT),
    ):
        await deliver(api, inbox, *steps_of(seller, STEPS[:2], attempt=attempt, means=means))

    assert sorted(entry["amount"] for entry in await ledger(api)) == [0, 10, 30]


async def test_a11_transfers_taken_in_again_by_another_consumer_pay_nothing_more(
    api: Api, inbox: Inbox, worker_sessions: Sessions, seller: Json
) -> None:
    await make_rules(api)
    sent = await deliver(api, inbox, *steps_of(seller, STEPS))
    before = await ledger(api)

    again = Inbox(f"replay-{uuid7()}", HANDLERS, worker_sessions, bytes(32))
    await again.take(sent)

    assert await ledger(api) == before
    assert len(before) == 2
