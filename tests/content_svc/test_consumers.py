"""Projections from the other services' facts, in any order between aggregates, told twice."""

from itertools import permutations

from shared.clock import now
from shared.events import Event
from shared.events.account import (
    AccountActivated,
    AccountHandedOver,
    AccountPaired,
    AccountRestricted,
    AccountRetired,
    AccountStatus,
    Platform,
    UnitKind,
    UnitMoved,
)
from shared.events.lead import DealVoided, DealWon, LeadAccepted, LeadQualified, LeadVoided
from shared.ids import typed, uuid7
from tests.caller import uuid_of
from tests.content_svc.making import (
    Brand,
    get_campaign,
    list_posts,
    make_account,
    make_campaign,
    plan,
    unit,
)


async def paths(brand: Brand) -> dict[object, list[object]]:
    rows = await brand.sql("select unit_id, ancestor_ids from unit_directory where brand_id = :b")
    return {row.unit_id: row.ancestor_ids for row in rows}


async def test_a1_a_moved_unit_takes_all_below_it_along(brand: Brand) -> None:
    team = uuid7()
    await brand.tell(
        unit(UnitKind.TEAM, [brand.root, brand.region, brand.store, team], name="早班"),
        UnitMoved(unit_id=brand.store, ancestor_ids=[brand.root, brand.other_store, brand.store]),
    )

    found = await paths(brand)

    assert found[brand.store] == [brand.root, brand.other_store, brand.store]
    assert found[team] == [brand.root, brand.other_store, brand.store, team]


async def test_a1_units_told_in_any_order_have_the_same_paths(brand: Brand) -> None:
    """Each unit's own facts are in order; those of different units are not."""
    for order in permutations(range(3)):
        east, store, team = uuid7(), uuid7(), uuid7()
        facts: list[list[Event]] = [
            [
                unit(UnitKind.REGION, [brand.root, brand.region, east], name="东"),
                UnitMoved(unit_id=east, ancestor_ids=[brand.root, east]),
            ],
            [unit(UnitKind.STORE, [brand.root, brand.region, east, store], name="店")],
            [unit(UnitKind.TEAM, [brand.root, brand.region, east, store, team], name="组")],
        ]

        for position in order:
            await brand.tell(*facts[position])

        found = await paths(brand)
        assert found[store] == [brand.root, east, store]
        assert found[team] == [brand.root, east, store, team]


async def test_a2_an_accounts_life_decides_whether_it_may_publish(brand: Brand) -> None:
    account = await make_account(brand, status=AccountStatus.PLANNED)
    about = {"account_id": account.account_id}

    async def status() -> str:
        rows = await brand.sql(
            "select status from account_directory where brand_id = :b and account_id = :a",
            a=account.account_id,
        )
        return str(rows[0].status)

    seen = [await status()]
    for event in (
        AccountActivated(**about),
        AccountRestricted(**about, reason="limit"),
        AccountActivated(**about),
        AccountHandedOver(**about, staff_id=uuid7(), unit_id=brand.other_store),
        AccountRetired(**about, reason="gone"),
    ):
        await brand.tell(event)
        seen.append(await status())

    assert seen == ["planned", "active", "restricted", "active", "handed_over", "retired"]


async def test_a2_open_posts_follow_an_account_to_its_new_seller(brand: Brand) -> None:
    account = await make_account(brand)
    campaign = await make_campaign(brand, launched=True)
    await plan(brand, campaign)
    taker = uuid7()

    await brand.tell(
        AccountHandedOver(account_id=account.account_id, staff_id=taker, unit_id=brand.other_store)
    )

    post = (await list_posts(brand, campaign))[0]
    assert (post["staff_id"], post["unit_id"]) == (
        typed("staff", taker),
        typed("unit", brand.other_store),
    )


async def test_a4_a_pairing_changes_the_persona_that_targets_ask_for(brand: Brand) -> None:
    account = await make_account(brand, persona_kind="topic_expert")
    await brand.tell(
        AccountPaired(
            account_id=account.account_id,
            persona_id=uuid7(),
            persona_kind="shopping_assistant",
        )
    )

    campaign = await make_campaign(
        brand, launched=True, target={"persona_kinds": ["shopping_assistant"]}
    )
    await plan(brand, campaign)

    assert (await get_campaign(brand, campaign))["counts"]["planned"] == 1


async def test_c13_what_converts_counts_leads_and_deals_and_takes_voids_back(
    brand: Brand,
) -> None:
    account = await make_account(brand, Platform.CHANNELS)
    campaign = await make_campaign(brand, launched=True)
    await plan(brand, campaign)
    post = (await list_posts(brand, campaign))[0]
    await brand.sql("update post set status = 'published' where brand_id = :b returning 1")
    await brand.post(
        "/posts/metrics",
        {"items": [{"post_id": post["id"], "measured_at": "2026-11-20T10:00:00Z", "views": 100}]},
    )
    credit = {
        "post_id": uuid_of(post["id"]),
        "account_id": account.account_id,
        "campaign_id": uuid_of(campaign["id"]),
    }
    leads = [uuid7() for _ in range(3)]
    facts: list[Event] = [
        LeadQualified(
            lead_id=lead,
            contact_id=uuid7(),
            is_new_contact=True,
            source="douyin",
            submitted_at=now(),
            unit_id=brand.store,
            score=50,
            grade="B",
            **credit,
        )
        for lead in leads
    ]
    facts.append(
        LeadAccepted(
            lead_id=leads[0],
            offer_id=uuid7(),
            contact_id=uuid7(),
            staff_id=uuid7(),
            unit_id=brand.store,
            accepted_at=now(),
            **credit,
        )
    )
    facts.append(LeadVoided(lead_id=leads[2], reason="joke", staff_id=None, unit_id=None, **credit))
    deal = {
        "deal_id": uuid7(),
        "lead_id": leads[0],
        "contact_id": uuid7(),
        "staff_id": uuid7(),
        "unit_id": brand.store,
        "amount_minor": 19_980_000,
        "currency": "CNY",
        **credit,
    }
    facts.append(DealWon(**deal, closed_at=now()))
    await brand.tell(*facts)
    await brand.tell(*facts)

    expected = {
        "posts": 1,
        "views": 100,
        "leads": 2,
        "accepted": 1,
        "deals": 1,
        "amount_minor": 19_980_000,
        "lead_rate": 0.02,
    }
    for by, key in (
        ("platform", "channels"),
        ("template", campaign["template_id"]),
        ("campaign", campaign["id"]),
        ("account", typed("acct", account.account_id)),
    ):
        rows = (await brand.get("/what-converts", by=by))["items"]
        assert [row["key"] for row in rows] == [key]
        assert {name: rows[0][name] for name in expected} == expected
        assert 0 < rows[0]["lead_rate_low"] < 0.02 < rows[0]["lead_rate_high"] < 0.08

    absurd = {**deal, "deal_id": uuid7(), "amount_minor": 2**63}
    await brand.tell(DealWon(**absurd, closed_at=now()))
    row = (await brand.get("/what-converts", by="campaign"))["items"][0]
    assert (row["deals"], row["amount_minor"]) == (2, 19_980_000 + 10**15)

    await brand.tell(*(DealVoided(**each, reason="returned") for each in (deal, absurd)))
    row = (await brand.get("/what-converts", by="campaign"))["items"][0]
    assert (row["deals"], row["amount_minor"], row["leads"]) == (0, 0, 2)


async def test_c13_a_lead_without_a_post_counts_for_its_account(brand: Brand) -> None:
    account = await make_account(brand)
    await brand.tell(
        LeadQualified(
            lead_id=uuid7(),
            contact_id=uuid7(),
            is_new_contact=True,
            source="wecom",
            submitted_at=now(),
            post_id=None,
            account_id=account.account_id,
            campaign_id=None,
            unit_id=None,
            score=10,
            grade="D",
        )
    )

    by_account = (await brand.get("/what-converts", by="account"))["items"]
    by_template = (await brand.get("/what-converts", by="template"))["items"]

    assert by_account == [
        {
            "key": typed("acct", account.account_id),
            "posts": 0,
            "views": 0,
            "leads": 1,
            "accepted": 0,
            "deals": 0,
            "amount_minor": 0,
            "lead_rate": None,
            "lead_rate_low": None,
            "lead_rate_high": None,
        }
    ]
    assert by_template == []
