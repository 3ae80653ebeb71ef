"""Advocates: dated history with proof, the class of every moment, and that of every post."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from account_svc.models.advocate import (
    START_OF,
    Advocate,
    AdvocateRelation,
    AuthorClass,
    Relation,
    RelationKind,
    bound_on,
    class_at,
    class_on,
)
from shared.access import Role
from shared.clock import now
from shared.database import brand_session
from shared.inbox import Inbox
from tests.account_svc.aiming import published
from tests.account_svc.earning import deliver
from tests.account_svc.making import Api, make_account, make_staff, make_unit
from tests.caller import Json

DAY = timedelta(days=1)
ORDER = [
    AuthorClass.UNPROVEN,
    AuthorClass.KOC,
    AuthorClass.PARTNER,
    AuthorClass.KOL,
    AuthorClass.KOS,
]
HISTORIES = st.lists(
    st.builds(
        Relation, st.sampled_from(RelationKind), st.dates(date(2026, 1, 1), date(2026, 12, 31))
    ),
    max_size=8,
)


@given(HISTORIES, st.dates(date(2025, 12, 1), date(2027, 1, 31)), st.integers(0, 200))
def test_a14_time_alone_never_leads_back_to_a_less_bound_class(
    history: list[Relation], day: date, later: int
) -> None:
    endless = [each for each in history if each.kind not in START_OF]

    now_class, then_class = class_on(endless, day), class_on(endless, day + later * DAY)

    assert ORDER.index(now_class) <= ORDER.index(then_class)


@given(HISTORIES, st.dates(date(2025, 12, 1), date(2027, 1, 31)))
def test_a14_who_was_paid_or_hired_is_a_koc_by_a_later_purchase_alone(
    history: list[Relation], day: date
) -> None:
    bound = [each for each in history if each.kind in START_OF.values()]
    first = min((each.happened_on for each in bound), default=None)
    bought = [each.happened_on for each in history if each.kind is RelationKind.BOUGHT]

    found = class_on(history, day)

    if found is AuthorClass.KOC and first is not None and first <= day:
        assert max(each for each in bought if each <= day) > first
        assert bound_on(history, day) is None


@given(HISTORIES, st.dates(date(2026, 1, 1), date(2026, 12, 31)))
def test_a14_the_class_is_that_of_the_facts_until_then_in_whatever_order_they_are_told(
    history: list[Relation], day: date
) -> None:
    until_then = [each for each in reversed(history) if each.happened_on <= day]

    assert class_on(history, day) is class_on(until_then, day)
    unpaid = [each for each in history if each.kind is not RelationKind.POSTED_UNPAID]
    assert class_on(history, day) is class_on(unpaid, day)


def test_a14_a_class_changes_with_the_day_of_the_stores() -> None:
    history = [
        Relation(RelationKind.BOUGHT, date(2026, 3, 1)),
        Relation(RelationKind.PAID, date(2026, 5, 1)),
    ]

    assert class_at(history, datetime(2026, 4, 30, 15, 59, tzinfo=UTC)) is AuthorClass.KOC
    assert class_at(history, datetime(2026, 4, 30, 16, 0, tzinfo=UTC)) is AuthorClass.KOL


def history_of(*facts: tuple[str, str]) -> list[Relation]:
    return [Relation(RelationKind(kind), date.fromisoformat(day)) for kind, day in facts]


def test_a14_a_buyer_who_was_paid_is_a_koc_again_once_they_buy_again() -> None:
    history = history_of(
        ("bought", "2026-01-10"),
        ("paid", "2026-03-01"),
        ("paid_until", "2026-05-31"),
        ("bought", "2026-05-31"),
        ("bought", "2026-07-01"),
    )

    assert [class_on(history, date(2026, *each)) for each in ((2, 1), (5, 31), (6, 1), (7, 1))] == [
        AuthorClass.KOC,
        AuthorClass.KOL,
        AuthorClass.KOL,
        AuthorClass.KOC,
    ]
    assert class_on([*history, *history_of(("paid", "2026-08-01"))], date(2026, 8, 1)) is (
        AuthorClass.KOL
    )


def test_a14_an_influencer_stays_a_kol_after_the_end() -> None:
    history = history_of(
        ("paid", "2026-03-01"), ("paid_until", "2026-05-31"), ("bought", "2026-07-01")
    )

    assert class_on(history, date(2026, 7, 2)) is AuthorClass.KOL


def test_a14_who_left_is_no_staff_any_more_nor_a_buyer_by_what_they_bought_before() -> None:
    history = history_of(
        ("bought", "2026-01-10"), ("hired", "2026-03-01"), ("hired_until", "2026-05-31")
    )
    bought = [*history, *history_of(("bought", "2026-06-18"))]
    was_paid = [*history, *history_of(("paid", "2026-02-01"), ("paid_until", "2026-02-28"))]
    partner = [*history, *history_of(("partnered", "2026-06-10"))]
    day = date(2026, 6, 20)

    assert class_on(history, date(2026, 5, 31)) is AuthorClass.KOS
    assert [class_on(each, day) for each in (history, bought, was_paid, partner)] == [
        AuthorClass.UNPROVEN,
        AuthorClass.KOC,
        AuthorClass.KOL,
        AuthorClass.PARTNER,
    ]


async def make_advocate(api: Api, unit: Json | None = None, **overrides: Any) -> Json:
    unit = unit or await make_unit(api)
    return await api.post("/advocates", {"unit_id": unit["id"], "name": "林读者", **overrides})


async def make_outside(api: Api, advocate: Json, **overrides: Any) -> Json:
    """An account that belongs to the advocate."""
    owner = {"id": None, "unit_id": advocate["unit_id"]}
    account = await make_account(api, owner, seat="koc", **overrides)
    body = {"account_id": account["id"]}
    await api.post(f"/advocates/{advocate['id']}/link-account", body)
    return account


async def record(api: Api, advocate: Json, kind: str, on: str, proof: str = "订单 1") -> Json:
    body = {"kind": kind, "happened_on": on, "proof": proof}
    return await api.post(f"/advocates/{advocate['id']}/record", body)


async def read(api: Api, advocate: Json) -> Json:
    (item,) = (await api.by_ids("/advocates", advocate["id"]))["items"]
    found: Json = item
    return found


async def authors(api: Api, **filters: str) -> list[tuple[str, str]]:
    """Oldest first: the class at publication, and the one that the history says now."""
    items = (await api.get("/post-authors", **filters))["items"]
    return [(each["class_at_publication"], each["class_by_history"]) for each in items[::-1]]


async def test_a14_every_post_knows_the_class_it_was_made_in(
    api: Api, inbox: Inbox, seller: Json
) -> None:
    advocate = await make_advocate(api)
    theirs = await make_outside(api, advocate)
    store = {"id": None, "unit_id": seller["unit_id"]}
    brand = await make_account(api, store, seat="brand")
    nobody = await make_account(api, store, seat="kol")
    await record(api, advocate, "bought", "2026-03-01")
    at = datetime(2026, 4, 1, 4, tzinfo=UTC)
    await deliver(
        api,
        inbox,
        published(await make_account(api, seller), at, seller),
        published(brand, at),
        published(theirs, at - 60 * DAY),
        published(theirs, at),
        published(nobody, at),
    )

    assert await authors(api) == [
        ("kos", "kos"),
        ("brand", "brand"),
        ("unproven", "unproven"),
        ("koc", "koc"),
        ("unproven", "unproven"),
    ]
    assert len(await authors(api, advocate_id=advocate["id"])) == 2


async def test_a14_a_correction_with_an_earlier_date_names_the_posts_and_rewrites_none(
    api: Api, inbox: Inbox
) -> None:
    advocate = await make_advocate(api)
    account = await make_outside(api, advocate)
    await record(api, advocate, "bought", "2026-03-01")
    posts = [published(account, datetime(2026, month, 15, 4, tzinfo=UTC)) for month in (3, 4, 5, 6)]
    await deliver(api, inbox, *posts[:3])
    paid = await record(api, advocate, "paid", "2026-06-01")
    await deliver(api, inbox, posts[3])

    corrected = await record(api, advocate, "paid", "2026-04-10", "补签合同 7")
    after = await authors(api)
    withdrawn = await api.post(
        f"/advocates/{advocate['id']}/withdraw",
        {"relation_id": corrected["relation_id"], "reason": "合同属于另一人"},
    )

    assert (paid["author_class"], paid["reclassed"]) == ("kol", [])
    koc_to_kol = {"class_at_publication": "koc", "class_by_history": "kol"}
    assert [{**each, "post_id": None} for each in corrected["reclassed"]] == [
        {"post_id": None, **koc_to_kol}
    ] * 2
    assert after == [("koc", "koc"), ("koc", "kol"), ("koc", "kol"), ("kol", "kol")]
    assert [each["class_by_history"] for each in withdrawn["reclassed"]] == ["koc", "koc"]
    assert await authors(api) == [("koc", "koc")] * 3 + [("kol", "kol")]
    relations = (await read(api, advocate))["relations"]
    assert [
        (each["kind"], each["happened_on"], each["withdrawn_because"]) for each in relations
    ] == [
        ("bought", "2026-03-01", None),
        ("paid", "2026-04-10", "合同属于另一人"),
        ("paid", "2026-06-01", None),
    ]
    twice = await api.refuse(
        f"/advocates/{advocate['id']}/withdraw",
        {"relation_id": corrected["relation_id"], "reason": "又一次"},
    )
    assert twice["code"] == "already_withdrawn"


async def test_a14_an_end_told_late_classes_the_posts_after_it_and_rewrites_none(
    api: Api, inbox: Inbox
) -> None:
    advocate = await make_advocate(api)
    account = await make_outside(api, advocate)
    await record(api, advocate, "bought", "2026-01-10")
    await record(api, advocate, "paid", "2026-03-01", "合同 7")
    await record(api, advocate, "bought", "2026-06-01")
    await deliver(
        api,
        inbox,
        *(published(account, datetime(2026, month, 15, 4, tzinfo=UTC)) for month in (2, 4, 5, 6)),
    )

    ended = await record(api, advocate, "paid_until", "2026-05-14", "合同 7 终止")
    after = await authors(api)
    end = {"relation_id": ended["relation_id"], "reason": "合同延期"}
    withdrawn = await api.post(f"/advocates/{advocate['id']}/withdraw", end)

    assert ended["author_class"] == "koc"
    assert [
        (each["class_at_publication"], each["class_by_history"]) for each in ended["reclassed"]
    ] == [("kol", "koc")]
    assert after == [("koc", "koc"), ("kol", "kol"), ("kol", "kol"), ("kol", "koc")]
    assert withdrawn["author_class"] == "kol"
    assert (await authors(api))[3] == ("kol", "kol")


async def test_a14_an_end_needs_what_it_ends(api: Api) -> None:
    advocate = await make_advocate(api)
    path = f"/advocates/{advocate['id']}/record"
    await record(api, advocate, "paid", "2026-04-10")

    def end(kind: str, day: str) -> Json:
        return {"kind": kind, "happened_on": day, "proof": "终止函"}

    early = await api.refuse(path, end("paid_until", "2026-04-09"))
    never = await api.refuse(path, end("hired_until", "2026-05-01"))
    await record(api, advocate, "paid_until", "2026-06-30")
    twice = await api.refuse(path, end("paid_until", "2026-05-31"))
    bound = await api.refuse(path, {**end("posted_unpaid", "2026-06-30"), "proof": "链接"})
    unpaid = await record(api, advocate, "posted_unpaid", "2026-07-01", "链接")

    assert (early["code"], early["field"]) == ("nothing_to_end", "/happened_on")
    assert never["detail"] == "not hired on that day: nothing ends"
    assert twice["detail"] == "paid until 2026-06-30 already: withdraw that end first"
    assert bound["detail"] == "paid since 2026-04-10: no post until 2026-06-30 is unpaid"
    assert unpaid["author_class"] == "kol"


async def test_a14_facts_that_cannot_be_are_refused(api: Api, seller: Json) -> None:
    advocate = await make_advocate(api, phone="13900001111")
    await record(api, advocate, "paid", "2026-04-10")
    path = f"/advocates/{advocate['id']}"
    unpaid = {"kind": "posted_unpaid", "happened_on": "2026-04-10", "proof": "链接"}
    tomorrow = (now() + 2 * DAY).date().isoformat()
    own = await make_account(api, seller)
    theirs = await make_outside(api, advocate)
    other = await make_advocate(api)

    bound = await api.refuse(f"{path}/record", unpaid)
    future = await api.refuse(f"{path}/record", {**unpaid, "happened_on": tomorrow})
    of_staff = await api.refuse(f"{path}/link-account", {"account_id": own["id"]})
    taken = await api.refuse(f"/advocates/{other['id']}/link-account", {"account_id": theirs["id"]})
    twice = await api.refuse(
        "/advocates",
        {"unit_id": advocate["unit_id"], "name": "林", "phone": "+86 139 0000 1111"},
    )

    assert (bound["code"], bound["detail"]) == (
        "post_was_bound",
        "paid since 2026-04-10: no post from then is unpaid",
    )
    assert (future["code"], future["field"]) == ("relation_in_the_future", "/happened_on")
    assert (of_staff["code"], taken["code"]) == ("account_not_outside", "account_of_another")
    assert (twice["code"], twice["field"]) == ("advocate_known", "/phone")


async def test_a14_what_is_personal_is_sealed_and_masked(api: Api) -> None:
    advocate = await make_advocate(api, phone="13900001111")
    await record(api, advocate, "bought", "2026-03-01", "订单 20260301-林读者")

    seen = await read(api, advocate)
    masked = await read(api.acting(Role.ANALYST), advocate)
    async with brand_session(api.sessions, api.brand_id) as session:
        row = (await session.scalars(select(Advocate))).one()
        relation = (await session.scalars(select(AdvocateRelation))).one()

    assert (seen["name"], seen["phone"]) == ("林读者", "+8613900001111")
    assert seen["relations"][0]["proof"] == "订单 20260301-林读者"
    assert (masked["name"], masked["phone"]) == ("林*", "139****1111")
    assert masked["relations"][0]["proof"] is None
    assert row.phone_sealed is not None
    assert b"13900001111" not in row.phone_sealed
    assert "林读者".encode() not in row.name_sealed + relation.proof_sealed


async def test_a14_managers_see_the_advocates_of_their_part(api: Api) -> None:
    mine, other = [await make_unit(api) for _ in range(2)]
    advocate, foreign = await make_advocate(api, mine), await make_advocate(api, other)
    manager = api.acting(Role.STORE_MANAGER, unit_ids=(mine["id"],))
    seller = api.acting(Role.KOS, staff_id=(await make_staff(api, mine))["id"])

    refused = await manager.refuse(
        f"/advocates/{foreign['id']}/record",
        {"kind": "bought", "happened_on": "2026-03-01", "proof": "订单"},
    )

    assert [each["id"] for each in (await manager.get("/advocates"))["items"]] == [advocate["id"]]
    assert (refused["status"], refused["code"]) == (404, "advocate_not_found")
    answer = await seller.request("GET", "/advocates")
    assert answer.status_code == 403
