"""Groups of a member who leaves, against the sandbox's WeCom: listed, given once, looked up."""

from collections import Counter

from content_svc.models import MovingKind
from tests.content_svc.leaving import Leaving, follows, groups_of, make_leaving
from tests.content_svc.making import Brand
from tests.content_svc.sandbox import CORP_ID, Sandbox, Worker

TRANSFER = "/cgi-bin/externalcontact/groupchat/onjob_transfer"


async def make_owner(brand: Brand, sandbox: Sandbox, worker: Worker, groups: int) -> Leaving:
    return await make_leaving(
        brand, sandbox, worker, customers_per_member=2, groups_per_member=groups
    )


async def test_a6_communities_are_listed_and_have_their_new_owner_at_once(
    brand: Brand, sandbox: Sandbox, worker: Worker
) -> None:
    leaving = await make_owner(brand, sandbox, worker, 130)
    customers = await leaving.open()
    communities = await leaving.communities()
    before = await groups_of(sandbox, leaving.leaver)
    first, second = leaving.takers
    await leaving.assign_communities(first, communities[:100])
    await leaving.assign_communities(second, communities[100:])
    await leaving.assign(first, customers)

    next_at = await leaving.work()

    told = await leaving.community_outcomes()
    assert (len(customers), len(communities), len(before)) == (2, 130, 130)
    assert Counter(outcome for _, outcome, _ in told) == {"moved": 130}
    assert {each for each, _, _ in told} == set(communities)
    assert await groups_of(sandbox, leaving.leaver) == set()
    assert before <= await groups_of(sandbox, first) | await groups_of(sandbox, second)
    # customers of the same book still wait for their day
    assert next_at is not None
    assert Counter(outcome for _, outcome in await leaving.outcomes()) == {"accepted": 2}
    assert len(await follows(sandbox, leaving.leaver)) == 2


async def test_a6_groups_whose_answer_was_lost_are_looked_up_and_not_asked_for_twice(
    brand: Brand, sandbox: Sandbox, worker: Worker
) -> None:
    leaving = await make_owner(brand, sandbox, worker, 5)
    await leaving.open()
    communities = await leaving.communities()
    await leaving.assign_communities(leaving.takers[0], communities)
    await sandbox.fault("timeout_after_success", TRANSFER, count=1, hold_seconds=1.2)
    await sandbox.fault("delay", TRANSFER, delay_seconds=0)

    await leaving.work()
    silent = await leaving.community_outcomes()
    await leaving.work()

    faults = (await sandbox.get("/sandbox/faults"))["faults"]
    assert silent == []
    assert Counter(outcome for _, outcome, _ in await leaving.community_outcomes()) == {"moved": 5}
    assert [each["seen"] for each in faults if each["kind"] == "timeout_after_success"] == [1]


async def test_a6_what_the_platform_refuses_is_told_and_its_moves_are_known_the_next_time(
    brand: Brand, sandbox: Sandbox, worker: Worker
) -> None:
    leaving = await make_owner(brand, sandbox, worker, 3)
    crowded = min(await groups_of(sandbox, leaving.leaver))
    await sandbox.client.put(
        f"/sandbox/apps/wecom/{CORP_ID}",
        json={
            "secret": "wecom",
            "customers_per_member": 2,
            "groups_per_member": 3,
            "crowded_groups": [crowded],
        },
    )
    await leaving.open()
    taker, _ = leaving.takers
    communities = await leaving.communities()
    await leaving.assign_communities(taker, communities)
    await leaving.work()

    back = Leaving(brand, sandbox, worker, [taker, leaving.leaver])
    await back.open()

    told = await leaving.community_outcomes()
    assert Counter(outcome for _, outcome, _ in told) == {"moved": 2, "failed": 1}
    assert [reason for _, outcome, reason in told if outcome == "failed"] == ["platform_90503"]
    assert await groups_of(sandbox, leaving.leaver) == {crowded}
    known = [len(each.moved_at) for event in await back.listed() for each in event.communities]
    assert sorted(known) == [0, 0, 0, 1, 1]


async def test_a6_after_a_cancelling_no_group_is_given_away(
    brand: Brand, sandbox: Sandbox, worker: Worker
) -> None:
    leaving = await make_owner(brand, sandbox, worker, 2)
    await leaving.open()
    await leaving.assign_communities(leaving.takers[0], await leaving.communities())
    await leaving.cancel()

    await leaving.work()

    told = await leaving.community_outcomes()
    assert [outcome for _, outcome, _ in told] == ["cancelled"] * 2
    assert len(await groups_of(sandbox, leaving.leaver)) == 2


async def test_a6_which_groups_they_are_stays_in_the_service(
    brand: Brand, sandbox: Sandbox, worker: Worker
) -> None:
    leaving = await make_owner(brand, sandbox, worker, 2)
    names = await groups_of(sandbox, leaving.leaver)
    await leaving.open()
    await leaving.assign_communities(leaving.takers[0], await leaving.communities())
    await leaving.work()

    rows = [
        (await brand.sql(f"select string_agg(t::text, ' ') from {table} t"))[0][0]
        for table in ("moving_customer", "customer_move")
    ]
    events = " ".join(event.data().decode() for event in await brand.events("kos.customers"))
    kinds = await brand.sql("select kind, count(*) from moving_customer group by 1 order by 1")
    assert [tuple(row) for row in kinds] == [(MovingKind.COMMUNITY, 2), (MovingKind.CUSTOMER, 2)]
    for name in names:
        assert name not in " ".join(rows)
        assert name.encode().hex() not in " ".join(rows)
        assert name not in events
