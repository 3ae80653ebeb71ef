"""What is done in communities: facts, one for a cause, by people of the brand, voided once."""

import asyncio
from datetime import timedelta
from typing import Any

from shared.access import Role
from shared.clock import now
from shared.events.account import StaffDeparted, UnitKind
from shared.events.lead import (
    CommunityActivityKind,
    CommunityActivityRecorded,
    CommunityActivityVoided,
    CommunityRole,
)
from shared.ids import typed, uuid7
from tests.lead_svc.conftest import Brand, Store
from tests.lead_svc.hosting import (
    Json,
    change,
    close,
    id_of,
    listed,
    manager,
    record,
    recorded,
    refusal,
    register,
    seller,
    told_of,
    try_to_record,
    void,
)


async def test_l13_what_a_host_did_is_recorded_and_told_without_what_names_anybody(
    brand: Brand, store: Store
) -> None:
    community = await register(brand, store)
    at = now() - timedelta(hours=2)

    activity = await record(
        brand,
        community,
        kind="question_answered",
        staff_id=None,
        at=at.isoformat(),
        external_id="msg-13812348000",
        by=seller(store.seller),
    )

    assert await recorded(brand) == [
        CommunityActivityRecorded(
            community_id=id_of("comm", community),
            activity_id=id_of("activity", activity),
            kind=CommunityActivityKind.QUESTION_ANSWERED,
            staff_id=store.seller,
            unit_id=store.id,
            done_as=CommunityRole.HOST,
            recorded_by=store.seller,
            has_external_id=True,
            at=at,
        )
    ]
    assert all(b"13812348000" not in row.payload for row in await brand.outbox())
    assert (await brand.get("/community-activities?kind=question_answered"))["items"] == [activity]
    assert (await brand.get("/community-activities?kind=first_order"))["items"] == []
    assert (activity["status"], activity["external_id"]) == ("recorded", "msg-13812348000")
    [row] = await brand.rows("select details from audit where action like 'community_activity.%'")
    assert row["details"]["kind"] == "question_answered"


async def test_l13_hosts_deputies_and_people_of_the_unit_may_each_do_something(
    brand: Brand, store: Store
) -> None:
    elsewhere = await brand.add_unit(UnitKind.STORE, "S2", store.region_path)
    team = await brand.add_unit(UnitKind.TEAM, "T1", store.path)
    deputy, mate = await brand.add_seller(elsewhere[-1]), await brand.add_seller(team[-1])
    stranger = await brand.add_seller(elsewhere[-1])
    community = await register(brand, store, deputy_staff_id=typed("staff", deputy))

    for each in (store.seller, deputy, mate):
        await record(brand, community, staff_id=typed("staff", each))
    refused = [
        await try_to_record(brand, community, staff_id=typed("staff", each))
        for each in (stranger, uuid7())
    ]

    assert [(event.staff_id, event.unit_id, event.done_as) for event in await recorded(brand)] == [
        (store.seller, store.id, CommunityRole.HOST),
        (deputy, elsewhere[-1], CommunityRole.DEPUTY),
        (mate, team[-1], CommunityRole.STAFF),
    ]
    for answer in refused:
        assert refusal(answer) == (422, "staff_not_of_community", "/staff_id")


async def test_l13_of_one_cause_there_is_one_activity_however_often_it_is_told(
    brand: Brand, store: Store
) -> None:
    community, at = await register(brand, store), (now() - timedelta(days=1)).isoformat()
    told: dict[str, Any] = {"kind": "ugc_posted", "external_id": "note-7", "at": at}

    first = await record(brand, community, **told)
    again = await record(brand, community, **told)
    without_time = await record(brand, community, kind="ugc_posted", external_id="note-7")
    await void(brand, first)
    after_void = await record(brand, community, **told)
    elsewhere = await register(brand, store, platform_group_id="another")
    other = await record(brand, elsewhere, **told)

    assert first == again == without_time
    assert (after_void["id"], after_void["status"]) == (first["id"], "voided")
    assert other["id"] != first["id"]
    assert [event.activity_id for event in await recorded(brand)] == [
        id_of("activity", first),
        id_of("activity", other),
    ]


async def test_l13_another_fact_under_a_known_cause_is_refused(brand: Brand, store: Store) -> None:
    mate = typed("staff", await brand.add_seller(store.id))
    community = await register(brand, store)
    await record(brand, community, external_id="note-7")

    for name, value in (
        ("kind", "event_held"),
        ("at", (now() - timedelta(days=3)).isoformat()),
        ("staff_id", mate),
    ):
        told = {"external_id": "note-7", name: value}
        answer = await try_to_record(brand, community, **told)
        assert refusal(answer) == (409, "cause_differs", "/external_id")
        assert name in answer.json()["detail"]
    assert len(await recorded(brand)) == 1


async def test_l13_a_cause_that_many_tell_at_once_is_one_activity(
    brand: Brand, store: Store
) -> None:
    community = await register(brand, store)

    answers = await asyncio.gather(
        *(record(brand, community, external_id="note-7") for _ in range(5))
    )

    assert len({answer["id"] for answer in answers}) == 1
    assert len(await recorded(brand)) == 1


async def test_l13_without_a_cause_each_telling_is_an_activity_and_a_key_keeps_it_one(
    brand: Brand, store: Store
) -> None:
    community = await register(brand, store)
    keyed: Json = {"key": "once"}

    await record(brand, community)
    await record(brand, community)
    first, again = [await record(brand, community, by=keyed) for _ in range(2)]
    other = await try_to_record(brand, community, by=keyed, kind="fixed_slot_held")

    assert first == again
    assert other.status_code == 422
    assert len(await recorded(brand)) == 3


async def test_l13_a_time_that_cannot_be_is_refused(brand: Brand, store: Store) -> None:
    community = await register(brand, store)

    for at in (
        (now() + timedelta(days=1)).isoformat(),
        "1969-12-31T23:59:59Z",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
        "2026-11-01T00:00:00",
    ):
        answer = await try_to_record(brand, community, at=at)
        assert (answer.status_code, answer.json()["field"]) == (422, "/at"), at
    assert await recorded(brand) == []


async def test_l13_what_is_not_of_the_list_or_no_text_is_refused(
    brand: Brand, store: Store
) -> None:
    community = await register(brand, store)

    for name, value in (
        ("kind", "chatted"),
        ("kind", ""),
        ("external_id", ""),
        ("external_id", "x" * 201),
        ("external_id", "a\x00b"),
        ("community_id", "comm_x"),
    ):
        answer = await try_to_record(brand, community, **{name: value})
        assert (answer.status_code, answer.json()["field"]) == (422, f"/{name}"), value
    assert await recorded(brand) == []


async def test_l13_nothing_happens_after_a_community_was_closed(brand: Brand, store: Store) -> None:
    community = await register(brand, store)
    closed_at = now() - timedelta(hours=1)
    await close(brand, community)
    await brand.execute("update community set closed_at = :at", at=closed_at)

    before = await try_to_record(
        brand, community, at=(closed_at - timedelta(minutes=1)).isoformat()
    )
    after = await try_to_record(brand, community, at=(closed_at + timedelta(minutes=1)).isoformat())
    now_ = await try_to_record(brand, community)

    assert before.status_code == 201
    for answer in (after, now_):
        assert refusal(answer) == (409, "community_closed", "/at")
    assert len(await recorded(brand)) == 1


async def test_l13_who_has_departed_does_nothing_any_more(brand: Brand, store: Store) -> None:
    community = await register(brand, store)
    done = await record(brand, community, external_id="note-7")
    await brand.receive(StaffDeparted(staff_id=store.seller))

    refused = await try_to_record(brand, community)
    told_again = await record(brand, community, external_id="note-7")
    voided = await void(brand, done)

    assert refusal(refused) == (409, "staff_departed", "/staff_id")
    assert told_again == done
    assert voided.status_code == 200
    assert len(await recorded(brand)) == 1


async def test_l13_a_void_is_told_once_with_whose_it_was(brand: Brand, store: Store) -> None:
    community = await register(brand, store)
    activity = await record(brand, community, kind="first_order")

    voided, again = await void(brand, activity), await void(brand, activity)

    assert (voided.json()["status"], voided.json()["void_reason"]) == ("voided", "同一件事记了两次")
    assert refusal(again)[:2] == (409, "activity_voided")
    assert await brand.announced(CommunityActivityVoided) == [
        CommunityActivityVoided(
            community_id=id_of("comm", community),
            activity_id=id_of("activity", activity),
            kind=CommunityActivityKind.FIRST_ORDER,
            staff_id=store.seller,
            unit_id=store.id,
        )
    ]
    assert await told_of(brand) == ["registered", "activity_recorded", "activity_voided"]
    assert await listed(brand, "/community-activities?status=voided") == [activity["id"]]
    assert await listed(brand, "/community-activities?status=recorded") == []


async def test_l13_of_a_void_and_a_record_at_once_nothing_is_lost(
    brand: Brand, store: Store
) -> None:
    community = await register(brand, store)
    activity = await record(brand, community, external_id="note-7")

    voids, _ = await asyncio.gather(
        asyncio.gather(*(void(brand, activity) for _ in range(3))),
        asyncio.gather(*(record(brand, community, external_id=f"note-{n}") for n in (8, 9, 10))),
    )

    assert sorted(answer.status_code for answer in voids) == [200, 409, 409]
    versions = [row.version for row in await brand.outbox() if row.topic == "kos.community"]
    assert versions == [1, 2, 3, 4, 5, 6]


async def test_l13_sellers_record_their_own_and_see_what_they_look_after(
    brand: Brand, store: Store
) -> None:
    mate = await brand.add_seller(store.id)
    community = await register(brand, store)
    other = await register(
        brand, store, platform_group_id="theirs", host_staff_id=typed("staff", mate)
    )
    mine = await record(brand, community)
    theirs = await record(brand, other, staff_id=typed("staff", mate))

    for_mate = await try_to_record(
        brand, community, staff_id=typed("staff", mate), by=seller(store.seller)
    )
    by_mate = await try_to_record(brand, community, staff_id=None, by=seller(mate))
    nobody = await try_to_record(brand, community, staff_id=None)

    assert refusal(for_mate) == (422, "staff_not_of_community", "/staff_id")
    assert refusal(by_mate) == (404, "community_not_found", "/community_id")
    assert refusal(nobody) == (422, "staff_not_named", "/staff_id")
    assert await listed(brand, "/communities", **seller(store.seller)) == [community["id"]]
    assert await listed(brand, "/community-activities", **seller(store.seller)) == [mine["id"]]
    assert await listed(brand, "/community-activities", **seller(mate)) == [theirs["id"]]
    assert (await void(brand, mine, **seller(store.seller))).status_code == 403
    took_over = await change(
        brand, community, host_staff_id=typed("staff", mate), deputy_staff_id=None
    )
    assert took_over.status_code == 200
    # what they did stays theirs, and who hosts now sees it too
    assert await listed(brand, "/community-activities", **seller(store.seller)) == [mine["id"]]
    assert len(await listed(brand, "/community-activities", **seller(mate))) == 2


async def test_l13_managers_of_other_regions_see_and_do_nothing(brand: Brand, store: Store) -> None:
    west = await brand.add_unit(UnitKind.REGION, "WEST", store.brand_path)
    stranger = manager(west[-1], Role.REGION_MANAGER)
    community = await register(brand, store)
    activity = await record(brand, community)

    refused = await try_to_record(brand, community, by=stranger)
    voided = await void(brand, activity, **stranger)
    read_only = await try_to_record(brand, community, by={"role": Role.ANALYST})

    assert refusal(refused) == (404, "community_not_found", "/community_id")
    assert refusal(voided)[:2] == (404, "activity_not_found")
    assert read_only.status_code == 403
    assert await listed(brand, "/community-activities", **stranger) == []
    found = await brand.post("/community-activities/by-ids", {"ids": [activity["id"]]}, **stranger)
    assert found.json() == {"items": [], "missing": [activity["id"]]}
    scrm = {"role": Role.SCRM}
    assert (await try_to_record(brand, community, by=scrm)).status_code == 201
    assert (await void(brand, activity, **manager(store.id))).status_code == 200
    assert len(await recorded(brand)) == 2
