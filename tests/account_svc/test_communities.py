"""Groups of a leaver: planned, asked for and given within the platform's limits."""

from collections import Counter
from datetime import timedelta

from sqlalchemy import text

from shared.clock import now
from shared.database import Sessions, brand_session
from shared.inbox import Inbox
from tests.account_svc.graph import Graph
from tests.account_svc.leaving import (
    counts,
    finish_drafts,
    finish_leads,
    make_due,
    make_member,
    open_handover,
    platform_of,
    step,
)
from tests.account_svc.making import Api

READ = """query($id: ID!) {
  handover(id: $id) { status progress { kind status items } }
  handoverItems(handoverId: $id, kind: COMMUNITY, first: 10) { nodes {
    kind status dueAt waitsFor refusal attempts account { id } taker { id } } } }"""


async def test_a6_more_communities_than_a_day_takes_are_dated_over_days_and_asked_for_so(
    api: Api, worker_sessions: Sessions, inbox: Inbox
) -> None:
    leaver, account = await make_member(api)
    takers = [(await make_member(api))[0] for _ in range(2)]
    handover = await open_handover(api, leaver, *takers)
    platform = platform_of(api, inbox, handover, account)
    await platform.list_customers([], communities=[[]] * 650)

    async def due_on() -> list[int]:
        """How many are planned, day by day."""
        async with brand_session(worker_sessions, api.brand_id) as session:
            rows = await session.execute(
                text(
                    "select round(extract(epoch from due_at - now()) / 86400) as day, count(*)"
                    " from handover_item where kind = 'community' and status = 'planned'"
                    " group by 1 order by 1"
                )
            )
            return [int(number) for _, number in rows]

    dated = await due_on()
    await api.post(f"/handovers/{handover['id']}/start")
    next_at = await step(worker_sessions, api, handover)
    await step(worker_sessions, api, handover)
    first_day = await platform.asked_communities()
    await platform.answer_communities(first_day, "moved")
    # as if the worker had stood still until all were due: a day still takes no more
    await make_due(api, worker_sessions)
    again_at = await step(worker_sessions, api, handover)
    put_off = await due_on()
    async with brand_session(worker_sessions, api.brand_id) as session:
        await session.execute(
            text(
                "update handover_item set moved_at = array[now() - interval '25 hours']"
                " where kind = 'community' and status = 'done'"
            )
        )
    await make_due(api, worker_sessions)
    await step(worker_sessions, api, handover)
    second_day = (await platform.asked_communities())[len(first_day) :]

    shares = Counter[str]()
    for call in first_day:
        shares[str(call.taker_id)] += len(call.community_ids)
    asked = [each for call in first_day + second_day for each in call.community_ids]
    assert dated == [300, 300, 50]
    assert next_at is not None
    assert next_at > now() + timedelta(hours=23)
    assert sum(shares.values()) == 300
    assert max(len(call.community_ids) for call in first_day) == 100
    assert max(shares.values()) - min(shares.values()) <= 10
    assert again_at is not None
    assert again_at > now() + timedelta(hours=23)
    assert put_off == [300, 50]
    assert len(asked) == len(set(asked)) == 600


async def test_a6_a_community_that_was_given_on_twice_waits_for_its_window_and_the_account_with_it(
    api: Api, graph: Graph, worker_sessions: Sessions, inbox: Inbox
) -> None:
    leaver, account = await make_member(api)
    taker, _ = await make_member(api)
    handover = await open_handover(api, leaver, taker)
    platform = platform_of(api, inbox, handover, account)
    lately = [now() - timedelta(days=10), now() - timedelta(days=5)]
    await platform.list_customers([], communities=[[], lately])
    await api.post(f"/handovers/{handover['id']}/start")

    next_at = await step(worker_sessions, api, handover)
    await platform.answer_communities(await platform.asked_communities(), "moved")
    await step(worker_sessions, api, handover)
    waiting = await graph.ask(api.principal, READ, id=handover["id"])
    async with brand_session(worker_sessions, api.brand_id) as session:
        await session.execute(
            text(
                "update handover_item set moved_at = '{}', due_at = now()"
                " where kind = 'community' and status = 'planned'"
            )
        )
    await step(worker_sessions, api, handover)
    calls = await platform.asked_communities()
    await platform.answer_communities(calls[1:], "gone")
    await finish_leads(api, inbox, handover)
    await step(worker_sessions, api, handover)
    await finish_drafts(api, inbox, handover)
    await step(worker_sessions, api, handover)

    nodes = {each["status"]: each for each in waiting["handoverItems"]["nodes"]}
    assert next_at is not None
    assert next_at - lately[0] == timedelta(days=90)
    assert nodes["PLANNED"]["waitsFor"] == "TRANSFERS_PER_COMMUNITY"
    assert nodes["PLANNED"]["account"]["id"] == account["id"]
    assert nodes["DONE"]["taker"]["id"] == taker["id"]
    assert {"kind": "ACCOUNT", "status": "PLANNED", "items": 1} in waiting["handover"]["progress"]
    assert len(calls) == 2
    assert await counts(api, handover) == {
        ("account", "done"): 1,
        ("community", "done"): 1,
        ("community", "gone"): 1,
        ("contacts", "done"): 1,
        ("drafts", "done"): 1,
        ("leads", "done"): 1,
    }
    read = await graph.ask(api.principal, READ, id=handover["id"])
    assert read["handover"]["status"] == "DONE"


async def test_a6_a_community_that_failed_is_tried_for_more_than_a_day_and_then_needs_a_decision(
    api: Api, worker_sessions: Sessions, inbox: Inbox
) -> None:
    leaver, account = await make_member(api)
    taker, _ = await make_member(api)
    handover = await open_handover(api, leaver, taker)
    platform = platform_of(api, inbox, handover, account)
    await platform.list_customers([], communities=[[]])
    await api.post(f"/handovers/{handover['id']}/start")

    waits, answered = timedelta(0), 0
    for _ in range(5):
        await make_due(api, worker_sessions)
        await step(worker_sessions, api, handover)
        calls = await platform.asked_communities()
        await platform.answer_communities(calls[answered:], "failed")
        answered = len(calls)
        (item,) = (await api.get("/handover-items", handover_id=handover["id"], kind="community"))[
            "items"
        ]
        if item["status"] == "planned":
            next_at = await step(worker_sessions, api, handover)
            assert next_at is not None
            waits += next_at - now()

    assert answered == 5
    assert (item["status"], item["refusal"]) == ("failed", "failed")
    assert waits > timedelta(hours=24)
    await api.post(f"/handovers/{handover['id']}/change-takers", {"taker_ids": [taker["id"]]})
    assert (await counts(api, handover))[("community", "planned")] == 1


async def test_a6_a_cancelled_handover_gives_no_more_communities_away(
    api: Api, worker_sessions: Sessions, inbox: Inbox
) -> None:
    leaver, account = await make_member(api)
    taker, _ = await make_member(api)
    handover = await open_handover(api, leaver, taker)
    platform = platform_of(api, inbox, handover, account)
    later = [now() - timedelta(days=10), now() - timedelta(days=5)]
    await platform.list_customers([], communities=[[], [], later])
    await api.post(f"/handovers/{handover['id']}/start")
    await step(worker_sessions, api, handover)
    (call,) = await platform.asked_communities()
    given, _ = call.community_ids

    await api.post(f"/handovers/{handover['id']}/cancel", {"reason": "不离职了"})
    await platform.answer_communities(
        [call], lambda each: "moved" if each == given else "cancelled"
    )

    assert {
        key: number for key, number in (await counts(api, handover)).items() if "community" in key
    } == {("community", "done"): 1, ("community", "cancelled"): 2}
