"""Who may run an account: without the certificates that the brand asks for, nobody begins to."""

from datetime import timedelta

import pytest
import time_machine

from shared.clock import now
from tests.account_svc.graph import Graph
from tests.account_svc.importing import ACCOUNTS, counts, load
from tests.account_svc.making import Api, make_account, make_staff, make_unit
from tests.account_svc.studying import certify, instant, make_course, require
from tests.account_svc.test_layouts import seats
from tests.caller import Json


@pytest.fixture
async def course(api: Api) -> Json:
    """What running an account needs."""
    course = await make_course(api, validity_days=30)
    await require(api, "run_account", course)
    return course


def words(course: Json) -> str:
    return (
        f"run_account needs the certificate of course {course['code']} ({course['name']}), "
        "never earned"
    )


async def test_a10_an_account_is_planned_for_a_candidate_and_runs_once_they_are_certified(
    api: Api, course: Json
) -> None:
    candidate = await make_staff(api)
    account = await make_account(api, candidate, status="planned")

    refused = await api.refuse(f"/accounts/{account['id']}/activate", {})
    at_once = await api.refuse(
        "/accounts",
        {
            **{name: account[name] for name in ("platform", "domain", "seat", "unit_id")},
            "staff_id": candidate["id"],
            "handle": "at-once",
            "display_name": "陈晓",
            "status": "active",
        },
    )
    await certify(api, course, candidate)
    active = await api.post(f"/accounts/{account['id']}/activate", {})

    assert (refused["status"], refused["code"]) == (409, "certificate_missing")
    assert refused["detail"] == words(course)
    assert (at_once["status"], at_once["field"]) == (409, "/staff_id")
    assert active["status"] == "active"


async def test_a10_nobody_takes_an_account_over_without_certificate_or_with_an_expired_one(
    api: Api, course: Json
) -> None:
    giver = await make_staff(api)
    await certify(api, course, giver)
    taker = await make_staff(api)
    account = await make_account(api, giver)
    path, body = f"/accounts/{account['id']}/hand-over", {"staff_id": taker["id"], "reason": "调岗"}

    never = await api.refuse(path, body)
    certificate = await certify(api, course, taker)
    with time_machine.travel(now() + timedelta(days=30), tick=True):
        expired = await api.refuse(path, body)
    done = await api.post(path, body)

    assert (never["status"], never["field"]) == (409, "/staff_id")
    assert never["detail"] == words(course)
    end = instant(certificate["expires_at"]).isoformat()
    assert expired["detail"].endswith(f"expired at {end}")
    assert done["staff_id"] == taker["id"]


async def test_a10_a_line_of_a_file_that_seats_somebody_without_certificate_is_refused(
    api: Api, course: Json
) -> None:
    store = await make_unit(api)
    able = await make_staff(api, store)
    unable = await make_staff(api, store)
    await certify(api, course, able)

    def line(handle: str, staff: Json, status: str) -> str:
        place = f"{store['code']},{staff['code']}"
        return f"xiaohongshu,{handle},店员,public,kos,{place},,{status}\n"

    lines = line("a", able, "active") + line("b", unable, "active") + line("c", unable, "planned")
    report = await load(api, "accounts", ACCOUNTS + lines)
    with time_machine.travel(now() + timedelta(days=30), tick=True):
        # who runs it already goes on; only what begins is refused
        later = await load(api, "accounts", ACCOUNTS + lines)

    assert counts(report) == (3, 2, 0, 0, 1)
    assert report["problems"] == [{"line": 3, "field": "staff_code", "reason": words(course)}]
    assert counts(later) == (3, 0, 0, 2, 1)


async def test_a3_only_the_certified_are_proposed_for_a_seat(
    api: Api, graph: Graph, course: Json
) -> None:
    store = await make_unit(api)
    await make_staff(api, store, skills=["content", "social_media"])
    able = await make_staff(api, store)
    await certify(api, course, able)

    lines = {line["seat"]: line for line in await seats(graph, api, "MISSING")}

    assert lines["STORE"]["candidate"]["code"] == able["code"]
    assert lines["KOS"]["candidate"] is None
    assert lines["KOS"]["why"] == (
        "nobody is free: of its people 1 proposed for another seat, "
        "1 without the certificates that running an account needs; none below or nearby"
    )
