from typing import Any

import pytest

from lead_svc.access import MATRIX
from lead_svc.models.offer import EXPIRE
from shared.access import Role
from shared.events.account import UnitKind
from shared.ids import typed, uuid7
from tests.lead_svc.conftest import Brand, Store

PHONE = "1381234800"


def ids(answer: dict[str, Any]) -> list[str]:
    return [item["id"] for item in answer["items"]]


async def test_g1_leads_come_newest_first_and_page_by_cursor(brand: Brand) -> None:
    leads = [typed("lead", await brand.capture(phone=f"{PHONE}{n}")) for n in range(5)]

    first = await brand.get("/leads?first=2")
    second = await brand.get(f"/leads?first=2&after={first['page']['end_cursor']}")
    third = await brand.get(f"/leads?first=2&after={second['page']['end_cursor']}")

    assert ids(first) + ids(second) + ids(third) == leads[::-1]
    assert [page["page"]["has_next"] for page in (first, second, third)] == [True, True, False]


async def test_g1_a_lead_shows_where_it_came_from_and_who_has_it(
    brand: Brand, store: Store
) -> None:
    lead_id = await brand.lead(
        lead_id="crm-7", phone=f"{PHONE}0", post_url=store.url, city="杭州", keyword="试驾"
    )

    [lead] = (await brand.get("/leads"))["items"]

    contact = (await brand.rows("select id from contact"))[0]["id"]
    offer = (await brand.rows("select id from offer"))[0]["id"]
    assert {**lead, "captured_at": None, "submitted_at": None} == {
        "id": typed("lead", lead_id),
        "status": "offered",
        "source": "generic",
        "connection_id": lead["connection_id"],
        "source_lead_id": "crm-7",
        "contact_id": typed("contact", contact),
        "submitted_at": None,
        "captured_at": None,
        "city": "杭州",
        "product": None,
        "score": 75,
        "grade": "A",
        "score_reasons": [
            {"rule": "phone", "points": 30, "because": "留下了手机号"},
            {"rule": "intent_word", "points": 20, "because": "咨询内容含购买意向词"},
            {"rule": "own_post", "points": 15, "because": "来自本品牌发布的内容"},
            {"rule": "place", "points": 10, "because": "说明了城市或门店"},
        ],
        "post_id": typed("post", store.post),
        "account_id": typed("acct", store.account),
        "campaign_id": None,
        "unit_id": typed("unit", store.id),
        "staff_id": typed("staff", store.seller),
        "keyword": "试驾",
        "channel_code": None,
        "offer_id": typed("offer", offer),
        "version": 3,
    }
    by_ids = await brand.post("/leads/by-ids", {"ids": [lead["id"]]})
    assert by_ids.json() == {"items": [lead], "missing": []}


async def test_g1_lists_are_filtered(brand: Brand, store: Store) -> None:
    lead_id = await brand.lead(phone=f"{PHONE}0", post_url=store.url)
    await brand.capture(phone=f"{PHONE}1")
    contact = (await brand.rows("select id from contact"))[0]["id"]

    for query in (
        "status=offered",
        f"unit_id={typed('unit', store.id)}",
        f"unit_id={typed('unit', store.region)}",
        f"staff_id={typed('staff', store.seller)}",
        f"post_id={typed('post', store.post)}",
        f"contact_id={typed('contact', contact)}",
    ):
        assert ids(await brand.get(f"/leads?{query}")) == [typed("lead", lead_id)], query
    assert ids(await brand.get(f"/leads?campaign_id={typed('camp', uuid7())}")) == []


async def test_g1_leads_are_found_by_posts_and_by_contacts(brand: Brand, store: Store) -> None:
    leads = [await brand.lead(phone=f"{PHONE}0", post_url=store.url, note=str(n)) for n in range(3)]
    contact = typed("contact", (await brand.rows("select id from contact"))[0]["id"])
    strange = typed("post", uuid7())

    by_posts = await brand.post(
        "/leads/by-posts", {"ids": [strange, typed("post", store.post)], "first": 2}
    )
    by_contacts = await brand.post("/leads/by-contacts", {"ids": [contact]})

    empty, full = by_posts.json()["items"]
    assert empty == {"post_id": strange, "total": 0, "leads": []}
    assert (full["post_id"], full["total"]) == (typed("post", store.post), 3)
    newest_first = [typed("lead", lead_id) for lead_id in leads[::-1]]
    assert [lead["id"] for lead in full["leads"]] == newest_first[:2]
    [group] = by_contacts.json()["items"]
    assert (group["contact_id"], group["total"]) == (contact, 3)
    assert [lead["id"] for lead in group["leads"]] == newest_first


async def test_g2_another_brand_sees_nothing_of_it(brand: Brand, store: Store) -> None:
    lead_id = typed("lead", await brand.lead(phone=f"{PHONE}0", post_url=store.url))
    contact = typed("contact", (await brand.rows("select id from contact"))[0]["id"])
    stranger: dict[str, Any] = {"brand_id": uuid7()}

    assert (await brand.get("/leads", **stranger))["items"] == []
    assert (await brand.get("/contacts", **stranger))["items"] == []
    assert (await brand.get("/offers", **stranger))["items"] == []
    for path, wanted in (("/leads/by-ids", lead_id), ("/contacts/by-ids", contact)):
        answer = await brand.post(path, {"ids": [wanted]}, **stranger)
        assert answer.json() == {"items": [], "missing": [wanted]}
    for path, body in (
        (f"/leads/{lead_id}/void", {"reason": "x"}),
        (f"/contacts/{contact}/erase", None),
        (f"/contacts/{contact}/move-stage", {"stage": "advice"}),
    ):
        answer = await brand.post(path, body, **stranger)
        assert answer.status_code == 404
    async with brand.client(**stranger) as client:
        assert (await client.get(f"/leads/{lead_id}/decisions")).status_code == 404
        assert (await client.get(f"/contacts/{contact}/touchpoints")).status_code == 404
    assert (await brand.rows("select status from lead"))[0]["status"] == "offered"


async def test_g2_managers_see_their_subtree_and_sellers_their_own(
    brand: Brand, store: Store
) -> None:
    other_path = await brand.add_unit(UnitKind.STORE, "S2", store.region_path)
    other_seller = await brand.add_seller(other_path[-1])
    mine = typed("lead", await brand.lead(phone=f"{PHONE}0", store_code="S1"))
    others = typed("lead", await brand.lead(phone=f"{PHONE}1", store_code="S2"))
    unrouted = typed("lead", await brand.capture(phone=f"{PHONE}2"))

    async def seen(path: str, **caller: Any) -> int:
        return len((await brand.get(path, **caller))["items"])

    store_manager: dict[str, Any] = {"role": Role.STORE_MANAGER, "unit_ids": (store.id,)}
    region_manager: dict[str, Any] = {"role": Role.REGION_MANAGER, "unit_ids": (store.region,)}
    seller: dict[str, Any] = {"role": Role.KOS, "staff_id": other_seller}
    nobody: dict[str, Any] = {"role": Role.KOS}
    assert ids(await brand.get("/leads", **store_manager)) == [mine]
    assert ids(await brand.get("/leads", **region_manager)) == [others, mine]
    assert ids(await brand.get("/leads", **seller)) == [others]
    assert ids(await brand.get("/leads", **nobody)) == []
    assert ids(await brand.get("/leads")) == [unrouted, others, mine]
    for path in ("/offers", "/contacts"):
        assert await seen(path, **store_manager) == 1
        assert await seen(path, **region_manager) == 2
        assert await seen(path, **seller) == 1
        assert await seen(path, **nobody) == 0
    by_ids = await brand.post("/leads/by-ids", {"ids": [mine, others]}, **store_manager)
    assert by_ids.json()["missing"] == [others]


async def test_l6_a_decision_explains_itself(brand: Brand, store: Store) -> None:
    lead_id = await brand.lead(phone=f"{PHONE}0", post_url=store.url)

    [decision] = (await brand.get(f"/leads/{typed('lead', lead_id)}/decisions"))["items"]

    assert decision["outcome"] == "offered"
    assert decision["staff_id"] == typed("staff", store.seller)
    assert decision["candidates"] == [
        {
            "staff_id": typed("staff", store.seller),
            "unit_id": typed("unit", store.id),
            "step": "author",
            "is_chosen": True,
            "rejected_because": None,
        }
    ]
    assert decision["uncounted"] == 0
    assert set(decision["explanation"]) == {"kos", "manager", "auditor"}
    assert set(decision["inputs"]) == {"policy", "lead", "candidates", "at"}


async def test_l6_a_policy_is_a_new_version_and_refusals_name_the_field(brand: Brand) -> None:
    rules = {
        "steps": ["store"],
        "offer_minutes_by_grade": {"A": 5, "B": 10, "C": 20, "D": 40},
        "max_offers": 3,
    }
    default = await brand.get("/routing-policy")
    async with brand.client() as client:
        first = await client.put("/routing-policy", json=rules)
        second = await client.put("/routing-policy", json={**rules, "max_offers": 4})
        gap = await client.put("/routing-policy", json={**rules, "offer_minutes_by_grade": {}})
        none = await client.put("/routing-policy", json={**rules, "steps": []})
    async with brand.client(Role.STORE_MANAGER) as client:
        forbidden = await client.put("/routing-policy", json=rules)

    assert (default["version"], default["max_offers"]) == (0, 5)
    assert default["steps"] == ["author", "store", "region", "brand"]
    assert (first.json()["version"], second.json()["version"]) == (1, 2)
    assert await brand.get("/routing-policy") == second.json()
    assert gap.status_code == 422
    assert (none.status_code, none.json()["field"]) == (422, "/steps")
    assert forbidden.status_code == 403


async def test_l1_a_captured_lead_is_answered_and_a_broken_one_refused(brand: Brand) -> None:
    answer = await brand.post("/leads", {"phone": f"{PHONE}0", "note": "想试驾", "extra": 1})
    broken = await brand.post("/leads", {"phone": f"{PHONE}0", "submitted_at": "yesterday"})

    assert answer.status_code == 201
    assert (answer.json()["status"], answer.json()["version"]) == ("captured", 1)
    assert (broken.status_code, broken.json()["field"]) == (422, "/submitted_at")
    assert len(await brand.rows("select id from lead")) == 1


async def test_g1_the_funnel_counts_how_far_leads_came(brand: Brand, store: Store) -> None:
    colleague = await brand.add_seller(store.id)
    campaign_id = await brand.add_campaign("NEWCAR")
    leads = [
        await brand.lead(phone=f"{PHONE}{n}", post_url=store.url, campaign="NEWCAR")
        for n in range(4)
    ]
    await brand.capture(phone=f"{PHONE}9")
    for lead_id, staff_id in ((leads[0], store.seller), (leads[1], store.seller)):
        await brand.post(
            f"/leads/{typed('lead', lead_id)}/accept", role=Role.KOS, staff_id=staff_id
        )
    for staff_id in (store.seller, colleague):
        await brand.post(
            f"/leads/{typed('lead', leads[2])}/decline",
            {"reason": "忙"},
            role=Role.KOS,
            staff_id=staff_id,
        )
    [offer] = await brand.rows("select id from offer where lead_id = :id", id=leads[3])
    await brand.execute("update offer set expires_at = now() where id = :id", id=offer["id"])
    await brand.run_timer(EXPIRE, offer["id"])
    await brand.post(
        "/deals",
        {
            "lead_id": typed("lead", leads[0]),
            "amount_minor": 100,
            "closed_at": "2026-11-20T00:00:00Z",
        },
    )
    await brand.post(f"/leads/{typed('lead', leads[1])}/void", {"reason": "假"})

    expected = {
        "captured": 4,
        "qualified": 4,
        "offered": 4,
        "accepted": 2,
        "declined": 2,
        "expired": 1,
        "pooled": 1,
        "voided": 1,
        "deals": 1,
        "amount_minor": 100,
    }
    assert await brand.get(f"/funnel?campaign_id={typed('camp', campaign_id)}") == expected
    assert await brand.get("/funnel") == {**expected, "captured": 5}
    other = await brand.get(f"/funnel?campaign_id={typed('camp', uuid7())}")
    assert other == dict.fromkeys(expected, 0)


@pytest.mark.parametrize("path", ["/leads", "/contacts", "/offers", "/deals", "/funnel"])
async def test_g2_without_a_token_nothing_is_answered(brand: Brand, path: str) -> None:
    async with brand.client() as client:
        client.headers.pop("Authorization")
        answer = await client.get(path)

    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")


@pytest.mark.parametrize(
    ("path", "body", "role"),
    [
        ("/leads/{lead}/void", {"reason": "x"}, Role.KOS),
        ("/leads/{lead}/accept", None, Role.ANALYST),
        ("/contacts/{contact}/erase", None, Role.STORE_MANAGER),
        ("/contacts/find", {"phone": "13812348000"}, Role.ANALYST),
        ("/deals", {}, Role.COMPLIANCE),
    ],
)
async def test_g2_roles_bound_what_callers_may_do(
    brand: Brand, path: str, body: dict[str, Any] | None, role: Role
) -> None:
    known = {"lead": typed("lead", uuid7()), "contact": typed("contact", uuid7())}

    answer = await brand.post(path.format(**known), body, role=role, staff_id=uuid7())

    assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")


def test_g2_every_role_that_may_act_may_read() -> None:
    acting = [action for action in MATRIX.rows if action.startswith(("lead.", "deal."))]

    for action in acting:
        assert MATRIX.rows[action] <= MATRIX.rows["lead.read"], action


async def test_bad_ids_and_cursors_name_the_field(brand: Brand) -> None:
    wrong_kind = await brand.post("/leads/by-ids", {"ids": [typed("post", uuid7())]})
    async with brand.client() as client:
        wrong_cursor = await client.get("/leads?after=xyz")
        wrong_path = await client.post("/leads/nonsense/accept")

    assert (wrong_kind.status_code, wrong_kind.json()["field"]) == (422, "/ids/0")
    assert (wrong_cursor.status_code, wrong_cursor.json()["field"]) == (422, "/after")
    assert wrong_path.status_code == 422


async def test_hooks_and_webhooks_are_served_by_the_same_application(brand: Brand) -> None:
    async with brand.client() as client:
        hook = await client.post(f"/hooks/generic/{typed('conn', uuid7())}", content=b"{}")
        endpoints = await client.get("/webhook-endpoints")
        connections = await client.get("/connections")
        ready = await client.get("/readyz")

    assert hook.status_code == 404
    assert (endpoints.status_code, endpoints.json()["items"]) == (200, [])
    assert (connections.status_code, connections.json()["items"]) == (200, [])
    assert ready.json() == {"ready": True, "checks": {"database": "ok"}}
