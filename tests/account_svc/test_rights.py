"""Rights follow from certificates and the clock, and every change is announced once."""

import asyncio
from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import func, select

from account_svc.use_cases.rights import EXPIRY, SPREAD, right_timers
from shared.clock import now
from shared.database import Sessions, brand_session
from shared.events import Event
from shared.events.account import CertificateEarned, CertificateExpired, Right, StaffDeparted
from shared.ids import typed
from shared.tables import TimerRow
from shared.timers import run_timers
from tests.account_svc.making import Api, make_staff
from tests.account_svc.studying import certify, check, instant, make_course, require, ring
from tests.caller import Json, uuid_of

MOMENT = timedelta(microseconds=1)


async def about_rights(api: Api) -> list[Event]:
    kinds = CertificateEarned | CertificateExpired
    return [event for event in await api.events("kos.staff") if isinstance(event, kinds)]


def earned(staff: Json, certificate: Json, right: str = "live") -> CertificateEarned:
    return CertificateEarned(
        staff_id=uuid_of(staff["id"]), right=right, expires_at=instant(certificate["expires_at"])
    )


def expired(staff: Json, right: str = "live") -> CertificateExpired:
    return CertificateExpired(staff_id=uuid_of(staff["id"]), right=right)


async def test_a10_an_expired_certificate_closes_the_right_at_that_moment(
    api: Api, seller: Json
) -> None:
    course = await make_course(api)
    await require(api, "live", course)
    before = await check(api, seller, "live")
    certificate = await certify(api, course, seller)
    end = instant(certificate["expires_at"])

    last_moment = await check(api, seller, "live", end - MOMENT)
    at_the_end = await check(api, seller, "live", end)

    never, gone = before["denial"], at_the_end["denial"]
    assert (never["code"], never["courses"][0]["cause"]) == ("certificate_missing", "never_earned")
    assert last_moment == {
        "right": "live",
        "is_held": True,
        "expires_at": certificate["expires_at"],
        "denial": None,
    }
    assert at_the_end["is_held"] is False
    assert gone["courses"] == [
        {
            "course_id": course["id"],
            "code": course["code"],
            "name": course["name"],
            "cause": "expired",
            "expired_at": certificate["expires_at"],
        }
    ]
    assert gone["message"] == (
        f"live needs the certificate of course {course['code']} ({course['name']}), "
        f"expired at {end.isoformat()}"
    )


async def test_a10_reads_compare_with_the_clock_and_need_no_timer(api: Api, seller: Json) -> None:
    course = await make_course(api, validity_days=1)
    await require(api, "live", course)
    await certify(api, course, seller)

    with time_machine.travel(now() + timedelta(days=1), tick=True):
        state = await check(api, seller, "live")

    assert (state["is_held"], state["denial"]["courses"][0]["cause"]) == (False, "expired")


async def test_a10_a_right_may_need_several_courses_and_a_course_open_several_rights(
    api: Api, seller: Json
) -> None:
    basic = await make_course(api, validity_days=30)
    prices = await make_course(api, validity_days=10)
    await require(api, "live", basic)
    await require(api, "price_quotes", basic, prices)

    first = await certify(api, basic, seller)
    held_by_one = await rights_of(api, seller)
    second = await certify(api, prices, seller)
    held_by_both = await rights_of(api, seller)

    assert held_by_one == {"free_posting", "live", "handling_leads", "run_account"}
    assert held_by_both == held_by_one | {"price_quotes"}
    assert await about_rights(api) == [
        earned(seller, first),
        earned(seller, second, "price_quotes"),
    ]


async def rights_of(api: Api, staff: Json) -> set[str]:
    (item,) = (await api.post("/rights/by-staff", {"ids": [staff["id"]]}))["items"]
    return {state["right"] for state in item["rights"] if state["is_held"]}


async def test_a10_the_timer_announces_the_end_once_over_restarts_too(
    api: Api, seller: Json, worker_sessions: Sessions
) -> None:
    course = await make_course(api, validity_days=1)
    with time_machine.travel(now() - timedelta(days=1) + timedelta(seconds=6), tick=True):
        await require(api, "live", course)
        certificate = await certify(api, course, seller)

    at_start = await timers_of(api, worker_sessions)
    for _ in range(2):
        await work(worker_sessions, seconds=0.3)
    early = await about_rights(api)
    await asyncio.sleep(max(0.0, (instant(certificate["expires_at"]) - now()).total_seconds()))
    for _ in range(2):
        await work(worker_sessions, seconds=0.3)
    # a timer that was finished by nobody rings again
    await ring(worker_sessions, api, EXPIRY, seller["id"])

    assert at_start == [instant(certificate["expires_at"])]
    assert early == [earned(seller, certificate)]
    assert await about_rights(api) == [earned(seller, certificate), expired(seller)]
    assert await timers_of(api, worker_sessions) == []


async def work(sessions: Sessions, seconds: float) -> None:
    """A worker's life: from its start to its end."""
    stopping = asyncio.Event()
    running = asyncio.create_task(run_timers(sessions, right_timers(sessions), stopping))
    await asyncio.sleep(seconds)
    stopping.set()
    await running


async def timers_of(api: Api, sessions: Sessions) -> list[object]:
    async with brand_session(sessions, api.brand_id) as session:
        rows = await session.scalars(
            select(TimerRow.due_at).where(
                TimerRow.kind == EXPIRY, TimerRow.brand_id == api.brand_id
            )
        )
        return list(rows)


async def test_a10_the_timer_of_an_older_certificate_does_not_end_a_renewed_one(
    api: Api, seller: Json, worker_sessions: Sessions
) -> None:
    course = await make_course(api, validity_days=30)
    await require(api, "live", course)
    first = await certify(api, course, seller)
    with time_machine.travel(now() + timedelta(days=20), tick=True):
        second = await certify(api, course, seller)

    with time_machine.travel(instant(first["expires_at"]), tick=True):
        next_at = await ring(worker_sessions, api, EXPIRY, seller["id"])
        is_held = (await check(api, seller, "live"))["is_held"]

    assert next_at == instant(second["expires_at"])
    assert is_held
    assert await about_rights(api) == [earned(seller, first), earned(seller, second)]


async def test_a10_a_new_requirement_is_told_to_whom_it_concerns(
    api: Api, seller: Json, worker_sessions: Sessions
) -> None:
    old, new = await make_course(api), await make_course(api)
    both = await make_staff(api, {"id": seller["unit_id"]})
    await require(api, "live", old)
    held = await certify(api, old, seller)
    await certify(api, old, both)
    of_both = await certify(api, new, both)
    before = len(await about_rights(api))
    asked_at = now()

    requirement = await require(api, "live", new)
    await spread(api, worker_sessions)
    await spread(api, worker_sessions)

    assert requirement["version"] == 2
    assert await about_rights(api) == [
        *(await about_rights(api))[:before],
        expired(seller),
        earned(both, of_both),
    ]
    assert not (await check(api, seller, "live"))["is_held"]
    # what was right then stays right of then
    assert (await check(api, seller, "live", asked_at))["is_held"]
    assert held["course_id"] == old["id"]


async def spread(api: Api, sessions: Sessions) -> None:
    """Ring the timers of the brand's requirements."""
    async with brand_session(sessions, api.brand_id) as session:
        subjects = await session.scalars(
            select(TimerRow.subject_id).where(
                TimerRow.kind == SPREAD, TimerRow.brand_id == api.brand_id
            )
        )
        found = list(subjects)
    for subject in found:
        await ring(sessions, api, SPREAD, typed("requirement", subject))


async def test_a10_a_requirement_for_many_goes_on_where_it_stopped(
    api: Api, seller: Json, worker_sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("account_svc.use_cases.rights._BATCH", 2)
    monkeypatch.setattr("account_svc.use_cases.rights._BATCHES_AT_ONCE", 1)
    course = await make_course(api)
    people = [seller, *[await make_staff(api, {"id": seller["unit_id"]}) for _ in range(4)]]
    for each in people:
        await certify(api, course, each)

    await require(api, "live", course)
    for expected in (2, 4, 5, 5):
        await spread(api, worker_sessions)
        assert len(await about_rights(api)) == expected

    told = await about_rights(api)
    assert {event.key for event in told} == {uuid_of(each["id"]) for each in people}


async def test_a10_a_right_without_courses_is_open_to_everybody_but_who_departed(
    api: Api, seller: Json
) -> None:
    open_right = await check(api, seller, "free_posting")
    await api.post(f"/staff/{seller['id']}/depart", {"reason": "离职"})

    closed = await check(api, seller, "free_posting")

    assert (open_right["is_held"], open_right["expires_at"]) == (True, None)
    assert closed["denial"] == {
        "code": "staff_departed",
        "message": "free_posting: this person no longer sells for the brand",
        "courses": [],
    }
    assert isinstance((await api.events("kos.staff"))[-1], StaffDeparted)


async def test_a10_requirements_name_known_courses_each_once(api: Api, other_api: Api) -> None:
    foreign = await make_course(other_api)
    course = await make_course(api)

    unknown = await api.refuse(
        "/rights", {"right": "live", "course_ids": [course["id"], foreign["id"]]}
    )
    twice = await api.refuse("/rights", {"right": "live", "course_ids": [course["id"]] * 2})
    no_right = await api.refuse("/rights", {"right": "selling", "course_ids": []})

    assert (unknown["code"], unknown["field"]) == ("unknown_course", "/course_ids/1")
    assert (twice["status"], no_right["field"]) == (422, "/right")
    assert [item["version"] for item in (await api.get("/rights"))["items"]] == [0] * len(Right)


async def test_a10_two_exams_at_once_announce_a_right_once(api: Api, seller: Json) -> None:
    courses = [await make_course(api) for _ in range(2)]
    await require(api, "live", *courses)

    await asyncio.gather(*(certify(api, course, seller) for course in courses))

    assert len(await about_rights(api)) == 1


async def test_a10_no_timer_is_left_where_nothing_can_expire(
    api: Api, seller: Json, worker_sessions: Sessions
) -> None:
    await certify(api, await make_course(api), seller)

    async with brand_session(worker_sessions, api.brand_id) as session:
        count = await session.scalar(
            select(func.count()).select_from(TimerRow).where(TimerRow.brand_id == api.brand_id)
        )

    assert count == 0
