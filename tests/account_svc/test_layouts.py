"""Layouts through the gateway: what is missing where and who could take it; off-roster accounts."""

from datetime import timedelta

import pytest

from shared.access import Role
from shared.clock import now
from shared.events.account import AccountRegistered
from tests.account_svc.graph import Graph
from tests.account_svc.importing import ACCOUNTS, STAFF, UNITS, load
from tests.account_svc.making import Api, make_account, make_staff, make_unit
from tests.caller import Json

STORES = 300
REGIONS = 10

SEATS = """query($state: SeatState!, $layout: String!, $form: Domain!, $after: String, $unit: ID) {
  layoutSeats(layout: $layout, form: $form, state: $state, first: 100, after: $after,
      unitId: $unit, platform: XIAOHONGSHU) {
    nodes { seat label cause why candidatePlace
      unit { id code name kind } candidate { id code } account { id handle } }
    pageInfo { hasNextPage endCursor } } }"""
REPORT = """query($layout: String!, $form: Domain!, $unit: ID) {
  layoutReport(layout: $layout, form: $form, unitId: $unit, platform: XIAOHONGSHU) {
    version wanted filled missing withoutCandidate doubled orphaned unplanned offRoster
    cities { city stores wanted filled isGap }
    quotas { fact limit used needed isExceeded over overUnitIds refusal } } }"""
ONE_X_N = {"layout": "one_x_n", "form": "PUBLIC"}
SET = """mutation($input: SetLayoutInput!) { setLayout(input: $input) {
  __typename
  ... on Layout { id name version public { seat count skills } cities }
  ... on Problem { code message path } } }"""
OWN_SEAT: Json = {
    "seat": "KOS",
    "per": "STORE",
    "platforms": ["XIAOHONGSHU"],
    "label": "合伙人",
}
OWN: Json = {"name": "城市合伙人", "public": [OWN_SEAT], "cities": ["成都"]}


async def seats(graph: Graph, api: Api, state: str, **variables: str) -> list[Json]:
    found: list[Json] = []
    after = None
    while True:
        told = await graph.ask(
            api.principal, SEATS, **{**ONE_X_N, "state": state, "after": after, **variables}
        )
        page = told["layoutSeats"]
        found += page["nodes"]
        if not page["pageInfo"]["hasNextPage"]:
            return found
        after = page["pageInfo"]["endCursor"]


async def report(graph: Graph, api: Api, **variables: str) -> Json:
    told = await graph.ask(api.principal, REPORT, **{**ONE_X_N, **variables})
    found: Json = told["layoutReport"]
    return found


async def load_matrix(api: Api) -> None:
    """Stores with three people each; one seller of each has an account."""
    regions = [f"R{n},,region,第{n}大区,,,,,,\n" for n in range(REGIONS)]
    stores = [f"S{n},R{n % REGIONS},store,{n}号店,,城市{n % 50},,,,\n" for n in range(STORES)]
    people = [
        f"K{n}-{k},S{n},店员,,true,5,{skills},,,\n"
        for n in range(STORES)
        for k, skills in enumerate(("content;social_media", "content;tools", "social_media"))
    ]
    accounts = [f"xiaohongshu,h{n},店员{n},public,kos,S{n},K{n}-0,,active\n" for n in range(STORES)]
    for kind, head, rows in (
        ("units", UNITS, regions + stores),
        ("staff", STAFF, people),
        ("accounts", ACCOUNTS, accounts),
    ):
        assert (await load(api, kind, head + "".join(rows)))["rows_refused"] == 0


async def test_a3_each_missing_seat_of_300_stores_names_its_store_and_its_candidate(
    api: Api, graph: Graph
) -> None:
    await load_matrix(api)

    figures = await report(graph, api)
    missing = await seats(graph, api, "MISSING")

    # 1 brand, 10 regions, 300 stores, 600 sellers
    assert {name: figures[name] for name in ("wanted", "filled", "missing")} == {
        "wanted": 911,
        "filled": 300,
        "missing": 611,
    }
    of_stores = [line for line in missing if line["seat"] in ("STORE", "KOS")]
    assert len(missing) == 611
    assert len(of_stores) == 600
    for line in of_stores:
        number = line["unit"]["code"].removeprefix("S")
        assert line["unit"]["name"] == f"{number}号店"
        # the store's own account goes to who has content and tools, the seller's to who is left
        best = 1 if line["seat"] == "STORE" else 2
        assert line["candidate"]["code"] == f"K{number}-{best}"
        assert line["candidatePlace"] == "HERE"
    why = {line["seat"]: line["why"] for line in missing}
    assert why["STORE"] == (
        "works at the unit; has content, tools; tier standard; no account on xiaohongshu yet"
    )
    assert why["KOS"].startswith("works at the unit; has social_media; lacks content;")
    # everybody has an account or is proposed for one: nobody is left for brand and regions
    assert figures["withoutCandidate"] == 11
    assert why["BRAND"] == "nobody is free: nobody works there; none below or nearby"
    assert {city["isGap"] for city in figures["cities"]} == {False}


async def test_a3_every_account_is_filled_doubled_or_orphaned_with_its_cause(
    api: Api, graph: Graph
) -> None:
    store = await make_unit(api)
    people = [await make_staff(api, store) for _ in range(4)]
    gone = await make_staff(api, store)
    accounts = [await make_account(api, person) for person in people[:3]]
    orphan = await make_account(api, gone)
    await api.post(f"/staff/{gone['id']}/depart", {"reason": "离职"})
    retired = await make_account(api, people[3])
    await api.post(f"/accounts/{retired['id']}/retire", {"reason": "停用"})
    stray = await make_account(api, people[3], seat="koc")

    found = {
        state: await seats(graph, api, state)
        for state in ("FILLED", "DOUBLED", "ORPHANED", "UNPLANNED")
    }

    assert [line["account"]["id"] for line in found["FILLED"]] == [
        account["id"] for account in accounts[:2]
    ]
    assert [
        (line["account"]["id"], line["cause"], line["why"])
        for state in ("DOUBLED", "ORPHANED", "UNPLANNED")
        for line in found[state]
    ] == [
        (accounts[2]["id"], "MORE_THAN_WANTED", "the layout asks for fewer here"),
        (orphan["id"], "PERSON_DEPARTED", "its person has departed"),
        (stray["id"], "NO_SUCH_SEAT", "the layout has no such seat on this platform"),
    ]


async def test_a3_quotas_are_those_of_the_policies_that_hold(api: Api, graph: Graph) -> None:
    store = await make_unit(api)
    await make_account(api, await make_staff(api, store))
    limit = {"platform": "xiaohongshu", "fact": "seats_per_store", "source": "年框合同"}
    await api.post("/policies", {**limit, "number": 2})
    ended = now() + timedelta(days=1)
    await api.post(
        "/policies",
        {
            **limit,
            "fact": "seats_per_organisation",
            "number": 9,
            "valid_to": ended.isoformat(),
        },
    )

    quotas = {quota["fact"]: quota for quota in (await report(graph, api))["quotas"]}

    per_store, all_of_them = quotas["SEATS_PER_STORE"], quotas["SEATS_PER_ORGANISATION"]
    # a store account and a second seller's would make three
    assert (per_store["used"], per_store["needed"], per_store["limit"]) == (1, 3, 2)
    assert (per_store["isExceeded"], per_store["overUnitIds"]) == (True, [store["id"]])
    assert (all_of_them["used"], all_of_them["needed"], all_of_them["limit"]) == (1, 4, 9)
    assert not all_of_them["isExceeded"]
    # a part of the brand is not held against what the whole brand may have
    part = await report(graph, api, unit=store["id"])
    assert [quota["fact"] for quota in part["quotas"]] == ["SEATS_PER_STORE"]


async def test_a3_a_manager_sees_the_seats_of_the_units_below_alone(api: Api, graph: Graph) -> None:
    own, other = await make_unit(api), await make_unit(api)
    manager = api.acting(Role.STORE_MANAGER, unit_ids=(own["id"],))
    for store in (own, other):
        await make_staff(api, store)

    missing = await seats(graph, manager, "MISSING")
    below = await seats(graph, api, "MISSING", unit=other["id"])

    assert {line["unit"]["id"] for line in missing} == {own["id"]}
    assert {line["unit"]["id"] for line in below} == {other["id"]}
    assert len(missing) == len(below) == 3


async def test_a3_a_brands_own_layout_is_data_with_versions(api: Api, graph: Graph) -> None:
    await make_staff(api, await make_unit(api, city="杭州"))

    first = await graph.ask(api.principal, SET, input=OWN)
    second = await graph.ask(
        api.principal, SET, input={**OWN, "public": [{**OWN_SEAT, "count": 3}]}
    )
    figures = await report(graph, api, layout="城市合伙人")
    found = await graph.ask(api.principal, "{ layouts { nodes { name version } } }")

    assert [told["setLayout"]["version"] for told in (first, second)] == [1, 2]
    assert (figures["version"], figures["wanted"], figures["missing"]) == (2, 3, 3)
    assert [(city["city"], city["isGap"]) for city in figures["cities"]] == [
        ("杭州", True),
        ("成都", True),
    ]
    assert [each["version"] for each in found["layouts"]["nodes"]] == [2, 1]
    assert [action for _, action, _ in await api.audited()][-2:] == ["layout.set", "layout.set"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"name": "one_x_n"}, "layout_built_in"),
        ({"public": []}, "invalid"),
        ({"public": [OWN_SEAT, OWN_SEAT]}, "invalid"),
        ({"public": [{**OWN_SEAT, "count": 0}]}, "invalid"),
        ({"public": [{**OWN_SEAT, "platforms": []}]}, "invalid"),
    ],
)
async def test_a3_a_layout_that_makes_no_sense_is_refused(
    api: Api, graph: Graph, change: Json, code: str
) -> None:
    told = await graph.ask(api.principal, SET, input={**OWN, **change})

    assert told["setLayout"]["code"] == code
    assert (await api.get("/layouts"))["items"] == []


async def test_a3_an_unknown_layout_is_refused_by_name_of_the_argument(api: Api) -> None:
    answer = await api.request(
        "GET", "/layouts/report", params={"layout": "two_y_m", "form": "public"}
    )

    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (
        404,
        "layout_not_found",
        "/layout",
    )


REPORT_ONE = """mutation($input: ReportOffRosterInput!) { reportOffRosterAccount(input: $input) {
  __typename ... on OffRosterAccount { id status unit { id } } ... on Problem { code path } } }"""
ADOPT = """mutation($input: AdoptOffRosterInput!) { adoptOffRosterAccount(input: $input) {
  __typename
  ... on OffRosterAccount { status decidedAt account { id handle status seat } }
  ... on Problem { code path } } }"""
REJECT = """mutation($input: OnOneWithReason!) { rejectOffRosterAccount(input: $input) {
  __typename ... on OffRosterAccount { status reason } ... on Problem { code path } } }"""


async def test_a3_an_off_roster_account_is_reported_then_adopted(api: Api, graph: Graph) -> None:
    person = await make_staff(api)
    stray = {"platform": "XIAOHONGSHU", "handle": "qinglan_666", "unitId": person["unit_id"]}
    made = await graph.ask(api.principal, REPORT_ONE, input=stray)
    before = await report(graph, api)

    adopted = await graph.ask(
        api.principal,
        ADOPT,
        input={
            "id": made["reportOffRosterAccount"]["id"],
            "displayName": "青岚小店员",
            "domain": "PUBLIC",
            "seat": "KOS",
            "unitId": person["unit_id"],
            "staffId": person["id"],
        },
    )

    account = adopted["adoptOffRosterAccount"]["account"]
    after = await report(graph, api)
    assert adopted["adoptOffRosterAccount"]["status"] == "ADOPTED"
    assert (account["handle"], account["status"], account["seat"]) == (
        "qinglan_666",
        "PENDING",
        "KOS",
    )
    assert (before["offRoster"], before["filled"]) == (1, 0)
    assert (after["offRoster"], after["filled"]) == (0, 1)
    (event,) = await api.events("kos.account")
    assert isinstance(event, AccountRegistered)
    assert event.handle == "qinglan_666"
    assert [action for _, action, _ in await api.audited()][-3:] == [
        "off_roster.report",
        "account.register",
        "off_roster.adopt",
    ]


async def test_a3_an_off_roster_account_is_rejected_once_and_with_a_reason(
    api: Api, graph: Graph
) -> None:
    stray = {"platform": "DOUYIN", "handle": "qinglan_777"}
    made = await graph.ask(api.principal, REPORT_ONE, input=stray)
    one = {"id": made["reportOffRosterAccount"]["id"]}

    without = await graph.ask(api.principal, REJECT, input={**one, "reason": ""})
    told = await graph.ask(api.principal, REJECT, input={**one, "reason": "前员工，已要求改名"})
    again = await graph.ask(api.principal, REJECT, input={**one, "reason": "还是它"})

    assert without["rejectOffRosterAccount"]["path"] == ["input", "reason"]
    assert told["rejectOffRosterAccount"] == {
        "__typename": "OffRosterAccount",
        "status": "REJECTED",
        "reason": "前员工，已要求改名",
    }
    assert again["rejectOffRosterAccount"]["code"] == "already_decided"
    assert (await report(graph, api))["offRoster"] == 0
    assert await api.events("kos.account") == []


async def test_a3_what_is_registered_or_reported_already_is_not_off_roster(api: Api) -> None:
    account = await make_account(api)
    known = {"platform": "xiaohongshu", "handle": account["handle"]}
    stray = {"platform": "xiaohongshu", "handle": "qinglan_888"}
    await api.post("/off-roster-accounts", stray)
    manager = api.acting(Role.STORE_MANAGER, unit_ids=(account["unit_id"],))

    refusals = [
        await caller.refuse("/off-roster-accounts", body)
        for caller, body in (
            (api, known),
            (api, stray),
            (api, {**stray, "handle": "Qinglan_888"}),
            (manager, {**stray, "handle": "x"}),
        )
    ]

    assert [(problem["code"], problem["field"]) for problem in refusals] == [
        ("handle_taken", "/handle"),
        ("already_reported", "/handle"),
        ("already_reported", "/handle"),
        ("unknown_unit", "/unit_id"),
    ]


async def test_a3_a_handle_that_was_registered_meanwhile_is_not_adopted(api: Api) -> None:
    person = await make_staff(api)
    stray = {"platform": "xiaohongshu", "handle": "Qinglan"}
    reported = await api.post("/off-roster-accounts", stray)
    await make_account(api, person, handle="qinglan")
    adopt = {"display_name": "x", "domain": "public", "seat": "kos", "unit_id": person["unit_id"]}

    problem = await api.refuse(f"/off-roster-accounts/{reported['id']}/adopt", adopt)
    again = await api.refuse("/off-roster-accounts", {**stray, "handle": "QINGLAN"})

    assert (problem["status"], problem["code"]) == (409, "handle_taken")
    assert [each["status"] for each in (await api.get("/off-roster-accounts"))["items"]] == [
        "reported"
    ]
    assert again["code"] == "handle_taken"


async def test_a3_an_adopted_account_that_was_retired_may_be_reported_and_adopted_again(
    api: Api,
) -> None:
    person = await make_staff(api)
    stray = {"platform": "xiaohongshu", "handle": "qinglan"}
    adopt = {"display_name": "x", "domain": "public", "seat": "kos", "unit_id": person["unit_id"]}
    adopted = []
    for _ in range(2):
        reported = await api.post("/off-roster-accounts", stray)
        done = await api.post(f"/off-roster-accounts/{reported['id']}/adopt", adopt)
        adopted.append(done["account_id"])
        await api.post(f"/accounts/{done['account_id']}/retire", {"reason": "停用"})

    assert len(set(adopted)) == 2
