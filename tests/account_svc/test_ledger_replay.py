"""The ledger made again from the events: the same entries, to the byte."""

from dataclasses import replace
from uuid import UUID

from sqlalchemy import text

from account_svc.consumers import HANDLERS
from deploy.local.databases import ServiceUrls
from shared.access import Role
from shared.database import Sessions, brand_session, create_engine, create_sessions
from shared.events.lead import DealVoided, DealWon
from shared.ids import typed, uuid7
from shared.inbox import Inbox
from tests.account_svc.earning import (
    AT,
    accepted,
    activity_of,
    activity_voided,
    deal,
    deliver,
    lead_voided,
    ledger,
    make_rule,
    race,
)
from tests.account_svc.making import Api, make_staff
from tests.caller import Json


async def test_a11_a_ledger_that_is_made_again_is_the_same_to_the_byte(
    api: Api,
    inbox: Inbox,
    worker_sessions: Sessions,
    account_database: ServiceUrls,
    seller: Json,
) -> None:
    await make_rule(api, amount=0, formula="score + 1", monthly_budget=100)
    await make_rule(api, trigger="deal_won", rate_bp=50)
    await make_rule(api, trigger="community_activity", amount=7)
    lead_ids = [uuid7() for _ in range(4)]
    won = deal(seller, uuid7())
    done, undone = activity_of(seller), activity_of(seller)
    sent = await deliver(
        api,
        inbox,
        *(accepted(seller, lead_id, score=60) for lead_id in lead_ids),
        DealWon(**won, closed_at=AT),
        lead_voided(lead_ids[2]),
        DealVoided(**won, reason="refunded"),
        done,
        undone,
        activity_voided(undone),
    )
    for cause in lead_ids[:2]:
        entry_id = await _entry_of(api, cause)
        await api.post(f"/ledger/{entry_id}/review", {"outcome": "taken_back", "reason": "刷单"})
    appeal = await api.post(f"/ledger/{entry_id}/appeal", {"reason": "真实客户"})
    await api.acting(Role.COMPLIANCE).post(
        f"/appeals/{appeal['id']}/decide", {"outcome": "granted", "reason": "属实"}
    )
    sent += await deliver(api, inbox, lead_voided(lead_ids[1]), first_version=2)
    engine = create_engine(account_database.owner)
    owner = create_sessions(engine)
    before = await _bytes(owner, api)

    async with brand_session(owner, api.brand_id) as session:
        for table in ("ledger_entry", "voided_cause", "standing_change", "standing"):
            await session.execute(text(f"delete from {table}"))
    again = Inbox(f"rebuild-{uuid7()}", HANDLERS, worker_sessions, bytes(32))
    # the aggregates in another order, each in its own
    await again.take(sorted(sent, key=lambda one: (one.key[::-1], one.version)))

    assert await _bytes(owner, api) == before
    assert len(before) == 14
    await engine.dispose()


async def _entry_of(api: Api, lead_id: UUID) -> str:
    return next(str(e["id"]) for e in await ledger(api) if e["cause"] == typed("lead", lead_id))


async def _bytes(owner: Sessions, api: Api) -> list[str]:
    async with brand_session(owner, api.brand_id) as session:
        rows = await session.scalars(
            text("select encode(record_send(e), 'hex') from ledger_entry e order by e.id")
        )
        return list(rows)


async def test_a11_replaying_all_events_gives_the_same_ledger(
    api: Api, other_api: Api, inbox: Inbox, worker_sessions: Sessions
) -> None:
    sellers = [await make_staff(api) for _ in range(3)]
    for brand in (api, other_api):
        await make_rule(brand)
        await make_rule(brand, trigger="deal_won", rate_bp=50)
    lead_ids, deal_ids = [uuid7() for _ in range(6)], [uuid7() for _ in range(3)]
    won = [deal(seller, deal_id) for seller, deal_id in zip(sellers, deal_ids, strict=True)]
    sent = await deliver(
        api,
        inbox,
        *(accepted(sellers[n % 3], lead_id) for n, lead_id in enumerate(lead_ids)),
        *(DealWon(**facts, closed_at=AT) for facts in won),
        lead_voided(lead_ids[0]),
        lead_voided(lead_ids[3]),
        DealVoided(**won[1], reason="refunded"),
    )
    before, standings = await ledger(api), await race(api, worker_sessions)
    assert len(before) == 12

    # everything again from the beginning, to a consumer that remembers nothing
    again = Inbox(f"replay-{uuid7()}", HANDLERS, worker_sessions, bytes(32))
    await again.take(sent)
    # and to a ledger that is empty, the aggregates in another order
    elsewhere = [
        replace(one, brand_id=other_api.brand_id, event_id=uuid7())
        for one in sorted(sent, key=lambda one: (one.key[::-1], one.version))
    ]
    await Inbox(f"rebuild-{uuid7()}", HANDLERS, worker_sessions, bytes(32)).take(elsewhere)

    assert await ledger(api) == before
    assert await race(api, worker_sessions) == standings
    assert sorted(map(_facts, await ledger(other_api))) == sorted(map(_facts, before))


def _facts(entry: Json) -> tuple[str, str, int, str, str]:
    return entry["cause"], entry["staff_id"], entry["amount"], entry["currency"], entry["earned_at"]
