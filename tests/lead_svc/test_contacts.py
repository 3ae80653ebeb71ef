import asyncio
from typing import Any
from uuid import UUID

import pytest

from lead_svc.use_cases.qualify import QUALIFY
from shared.access import Role
from shared.events import Event
from shared.events.lead import (
    ContactErased,
    ContactMerged,
    ContactStageChanged,
    LeadQualified,
    LeadUpdated,
    Stage,
)
from shared.ids import typed
from tests.lead_svc.conftest import Brand, Store

PHONE = "138 1234 8000"
E164 = "+8613812348000"


async def contacts(brand: Brand) -> list[dict[str, Any]]:
    """Those that stand for themselves, oldest first."""
    return await brand.rows("select * from contact where merged_into_id is null order by id")


async def read(brand: Brand, contact_id: UUID, **caller: Any) -> dict[str, Any]:
    answer = await brand.post("/contacts/by-ids", {"ids": [typed("contact", contact_id)]}, **caller)
    [item] = answer.raise_for_status().json()["items"]
    found: dict[str, Any] = item
    return found


async def test_l2_the_same_number_in_two_spellings_is_one_contact(brand: Brand) -> None:
    await brand.lead(phone="138-1234-8000", name="陈小明")
    await brand.lead(phone="+86 13812348000", wechat="chen_xm")

    [contact] = await contacts(brand)
    shown = await read(brand, contact["id"])
    assert contact["lead_count"] == 2
    assert (shown["name"], shown["phone"], shown["wechat"]) == ("陈小明", E164, "chen_xm")
    news = [lead.is_new_contact for lead in await brand.announced(LeadQualified)]
    assert news == [True, False]


async def test_l2_two_leads_of_one_number_at_the_same_moment_are_one_contact(
    brand: Brand,
) -> None:
    leads = [await brand.capture(phone=PHONE, note=str(number)) for number in range(4)]

    await asyncio.gather(*(brand.run_timer(QUALIFY, lead_id) for lead_id in leads))

    [contact] = await contacts(brand)
    assert contact["lead_count"] == 4
    assert await brand.rows("select distinct contact_id from lead") == [
        {"contact_id": contact["id"]}
    ]


async def test_l2_a_lead_that_names_two_contacts_merges_them(brand: Brand) -> None:
    first = await brand.lead(phone=PHONE, name="陈小明")
    second = await brand.lead(wechat="chen_xm", city="杭州")
    older, newer = await contacts(brand)

    third = await brand.lead(phone=PHONE, wechat="chen_xm")

    [kept] = await contacts(brand)
    assert kept["id"] == older["id"]
    assert kept["lead_count"] == 3
    assert await brand.announced(ContactMerged) == [
        ContactMerged(contact_id=older["id"], merged_contact_id=newer["id"])
    ]
    owners = await brand.rows("select id, contact_id from lead order by id")
    assert [(row["id"], row["contact_id"]) for row in owners] == [
        (first, kept["id"]),
        (second, kept["id"]),
        (third, kept["id"]),
    ]
    shown = await read(brand, kept["id"])
    assert (shown["name"], shown["phone"], shown["wechat"], shown["city"]) == (
        "陈小明",
        E164,
        "chen_xm",
        "杭州",
    )
    [history] = await brand.rows("select * from contact_merge")
    assert (history["contact_id"], history["merged_contact_id"]) == (older["id"], newer["id"])
    assert history["lead_ids"] == [second]
    assert len(history["identity_ids"]) == 1


async def test_l2_a_merge_never_steals_the_owner(brand: Brand, store: Store) -> None:
    await brand.lead(phone=PHONE)
    owned = await brand.lead(wechat="chen_xm", post_url=store.url)
    await brand.post(f"/leads/{typed('lead', owned)}/accept", role=Role.KOS, staff_id=store.seller)
    _, newer = await contacts(brand)

    await brand.lead(phone=PHONE, wechat="chen_xm")

    [kept] = await contacts(brand)
    assert (kept["id"], kept["owner_staff_id"]) == (newer["id"], store.seller)


async def test_l2_more_told_of_a_lead_joins_its_contact_with_the_one_it_names(
    brand: Brand,
) -> None:
    await brand.lead(phone=PHONE, name="陈小明")
    lead_id = await brand.lead(lead_id="crm-7", wechat="chen_xm")

    again = await brand.lead(lead_id="crm-7", wechat="chen_xm", phone=PHONE, product="SUV")

    assert again == lead_id
    assert len(await brand.announced(LeadUpdated)) == 1
    assert len(await brand.announced(LeadQualified)) == 2
    [kept] = await contacts(brand)
    assert kept["lead_count"] == 2
    [lead] = await brand.rows("select * from lead where id = :id", id=lead_id)
    assert (lead["contact_id"], lead["product"]) == (kept["id"], "SUV")
    assert [reason["rule"] for reason in lead["score_reasons"]] == [
        "phone",
        "private_contact",
        "product",
        "returning",
    ]


async def test_l1_the_same_lead_sent_again_changes_nothing(brand: Brand) -> None:
    await brand.lead(lead_id="crm-7", phone=PHONE)
    announced = await brand.announced(Event)

    await brand.lead(lead_id="crm-7", phone=PHONE)

    assert await brand.announced(Event) == announced
    assert len(await brand.rows("select id from receipt")) == 1


async def test_l3_no_table_holds_personal_data_in_clear(brand: Brand) -> None:
    await brand.lead(phone=PHONE, name="陈小明", wechat="chen_xm", email="chen@example.com")

    tables = await brand.rows(
        """select relname from pg_class c
        where relkind = 'r' and relnamespace = 'public'::regnamespace
            and has_table_privilege(c.oid, 'select')"""
    )
    for table in tables:
        for row in await brand.rows(f"select t::text as content from {table['relname']} t"):
            for secret in ("13812348000", "陈小明", "chen_xm", "chen@example.com"):
                assert secret not in row["content"]
                assert secret.encode().hex() not in row["content"]


async def test_l3_personal_data_is_masked_by_role(brand: Brand) -> None:
    await brand.lead(phone=PHONE, name="陈小明", wechat="chen_xm", email="chen@example.com")
    [contact] = await contacts(brand)

    clear = await read(brand, contact["id"])
    masked = await read(brand, contact["id"], role=Role.ANALYST)
    system = await read(brand, contact["id"], role=Role.SCRM, scopes=frozenset({"contact.*"}))
    trusted = await read(
        brand, contact["id"], role=Role.SCRM, scopes=frozenset({"contact.*", "personal.read"})
    )

    fields = ("name", "phone", "wechat", "email")
    assert [clear[name] for name in fields] == ["陈小明", E164, "chen_xm", "chen@example.com"]
    assert [masked[name] for name in fields] == [
        "陈*",
        "138****8000",
        "c***",
        "c***@example.com",
    ]
    assert system == masked
    assert trusted == clear


async def test_l3_reading_personal_data_is_audited(brand: Brand) -> None:
    await brand.lead(phone=PHONE)
    [contact] = await contacts(brand)

    await read(brand, contact["id"], role=Role.ANALYST)
    await read(brand, contact["id"])

    audits = await brand.rows(
        "select actor, action, details from audit where action like 'contact.%'"
    )
    assert audits == [
        {
            "actor": "test:brand_admin",
            "action": "contact.read",
            "details": {"contact_ids": [typed("contact", contact["id"])]},
        }
    ]


async def test_l3_a_contact_is_found_by_its_number(brand: Brand) -> None:
    await brand.lead(phone=PHONE)
    [contact] = await contacts(brand)

    found = await brand.post("/contacts/find", {"phone": "+86-138-1234-8000"})
    other = await brand.post("/contacts/find", {"phone": "13912348000"})
    wrong = await brand.post("/contacts/find", {"phone": "12"})

    assert [item["id"] for item in found.json()["items"]] == [typed("contact", contact["id"])]
    assert other.json()["items"] == []
    assert (wrong.status_code, wrong.json()["field"]) == (422, "/phone")


async def test_l3_erasing_makes_every_sealed_copy_unreadable(brand: Brand) -> None:
    lead_id = await brand.lead(phone=PHONE, name="陈小明", city="杭州")
    await brand.lead(wechat="chen_xm")
    await brand.lead(phone=PHONE, wechat="chen_xm")
    [contact] = await contacts(brand)

    erased = await brand.post(f"/contacts/{typed('contact', contact['id'])}/erase")
    again = await brand.post(f"/contacts/{typed('contact', contact['id'])}/erase")

    assert (erased.status_code, again.status_code) == (200, 200)
    fields = ("name", "phone", "wechat", "email", "city")
    assert [erased.json()[name] for name in fields] == [None] * 5
    assert await brand.announced(ContactErased) == [ContactErased(contact_id=contact["id"])]
    assert await brand.rows("select subject_id from data_key") == []
    assert await brand.rows("select id from contact_identity") == []
    found = await brand.post("/contacts/find", {"phone": PHONE})
    assert found.json()["items"] == []
    [lead] = await brand.rows("select contact_id from lead where id = :id", id=lead_id)
    assert lead["contact_id"] == contact["id"]


async def test_l3_after_erasure_the_same_number_is_a_new_person(brand: Brand) -> None:
    await brand.lead(phone=PHONE)
    [old] = await contacts(brand)
    await brand.post(f"/contacts/{typed('contact', old['id'])}/erase")

    await brand.lead(phone=PHONE)

    [before, after] = await contacts(brand)
    assert before["id"] == old["id"]
    assert (after["erased_at"], after["lead_count"]) == (None, 1)


async def test_l3_what_is_still_told_of_an_erased_person_is_not_kept(brand: Brand) -> None:
    await brand.lead(lead_id="crm-7", phone=PHONE)
    [contact] = await contacts(brand)
    await brand.post(f"/contacts/{typed('contact', contact['id'])}/erase")

    await brand.lead(lead_id="crm-7", phone=PHONE, name="陈小明")

    assert await brand.rows("select subject_id from data_key") == []
    assert await brand.rows("select name, phone from contact") == [{"name": None, "phone": None}]


async def test_l9_a_contact_moves_one_stage_at_a_time(brand: Brand) -> None:
    await brand.lead(phone=PHONE)
    [contact] = await contacts(brand)
    path = f"/contacts/{typed('contact', contact['id'])}/move-stage"

    skipped = await brand.post(path, {"stage": "deal"}, role=Role.SCRM)
    moved = await brand.post(path, {"stage": "advice"}, role=Role.SCRM)
    repeated = await brand.post(path, {"stage": "advice"}, role=Role.SCRM)
    back = await brand.post(path, {"stage": "intent"}, role=Role.SCRM)

    assert (skipped.status_code, skipped.json()["code"]) == (422, "stage_out_of_order")
    assert skipped.json()["field"] == "/stage"
    assert (moved.status_code, moved.json()["stage"]) == (200, "advice")
    assert (repeated.status_code, repeated.json()["stage"]) == (200, "advice")
    assert back.status_code == 422
    assert await brand.announced(ContactStageChanged) == [
        ContactStageChanged(
            contact_id=contact["id"],
            from_stage=Stage.INTENT,
            stage=Stage.ADVICE,
            changed_by="test:scrm",
        )
    ]
    assert len(await brand.rows("select id from stage_change")) == 1


async def test_g3_a_repeated_write_back_has_one_effect_and_the_same_answer(brand: Brand) -> None:
    await brand.lead(phone=PHONE)
    [contact] = await contacts(brand)
    path = f"/contacts/{typed('contact', contact['id'])}/move-stage"

    first = await brand.post(path, {"stage": "advice"}, key="move-1", role=Role.SCRM)
    await brand.post(path, {"stage": "deal"}, role=Role.SCRM)
    repeat = await brand.post(path, {"stage": "advice"}, key="move-1", role=Role.SCRM)

    assert repeat.json() == first.json()
    assert repeat.headers["idempotency-replayed"] == "true"
    assert (await contacts(brand))[0]["stage"] == "deal"


async def test_l4_the_latest_touchpoint_with_a_source_earns_the_lead(
    brand: Brand, store: Store
) -> None:
    campaign_id = await brand.add_campaign("NEWCAR")
    await brand.lead(
        phone=PHONE, campaign="NEWCAR", submitted_at="2026-11-01T10:00:00Z", lead_id="a"
    )
    await brand.lead(
        phone=PHONE, post_url=store.url, submitted_at="2026-11-03T10:00:00Z", lead_id="b"
    )

    await brand.lead(phone=PHONE, submitted_at="2026-11-20T10:00:00Z", lead_id="silent")
    await brand.lead(phone=PHONE, submitted_at="2026-11-02T10:00:00Z", lead_id="between")

    rows = await brand.rows("select source_lead_id, post_id, account_id, campaign_id from lead")
    assert {row["source_lead_id"]: (row["post_id"], row["campaign_id"]) for row in rows} == {
        "a": (None, campaign_id),
        "b": (store.post, None),
        "silent": (store.post, None),
        "between": (None, campaign_id),
    }


async def test_l4_a_touchpoint_older_than_thirty_days_earns_nothing(
    brand: Brand, store: Store
) -> None:
    await brand.lead(
        phone=PHONE, post_url=store.url, submitted_at="2026-10-01T10:00:00Z", lead_id="old"
    )

    await brand.lead(phone=PHONE, submitted_at="2026-11-20T10:00:00Z", lead_id="new")

    [lead] = await brand.rows("select post_id from lead where source_lead_id = 'new'")
    assert lead["post_id"] is None


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ({"post_url": "{url}/?share=1#top"}, ("post", "account", "store")),
        ({"account_handle": "handle"}, (None, "account", "store")),
        # A platform that names the account by its own id, as Douyin does.
        ({"account_handle": "id-of-handle"}, (None, "account", "store")),
        ({"store_code": "S1"}, (None, None, "store")),
        ({"channel_code": "S1"}, (None, None, "store")),
    ],
)
async def test_l4_what_a_form_names_is_looked_up(
    brand: Brand, store: Store, named: dict[str, str], expected: tuple[str | None, ...]
) -> None:
    known = {"post": store.post, "account": store.account, "store": store.id, None: None}
    given = {name: value.replace("{url}", store.url) for name, value in named.items()}

    await brand.lead(phone=PHONE, **given)

    [lead] = await brand.rows("select post_id, account_id, origin_unit_id from lead")
    assert tuple(lead.values()) == tuple(known[name] for name in expected)
    [touch] = await brand.rows("select post_id, account_id, unit_id from touchpoint")
    assert tuple(touch.values()) == tuple(lead.values())
