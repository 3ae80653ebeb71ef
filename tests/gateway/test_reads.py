"""Nodes, pages and relations: one call per kind, nothing of another brand, no blank pages."""

import pytest
from aiohttp import web

from shared.ids import typed, uuid7
from shared.web import encode_cursor
from tests.gateway.conftest import Client
from tests.gateway.services import AT, ROWS, Services, problem


async def test_g1_node_finds_anything_by_its_id(
    client: Client, services: Services, brand: str
) -> None:
    unit = services.add("unit", brand)
    staff = services.add("staff", brand, unit_id=unit)
    query = """query($id: ID!) {
      node(id: $id) { __typename id ... on Staff { code unit { name } } }
    }"""

    data = await client.run(query, id=staff)

    assert data["node"] == {
        "__typename": "Staff",
        "id": staff,
        "code": "S001",
        "unit": {"name": "上海一店"},
    }
    assert services.calls == ["POST account/staff/by-ids", "POST account/units/by-ids"]


async def test_g2_an_id_of_another_brand_is_null_and_the_brand_comes_from_the_token_alone(
    client: Client, services: Services, brand: str
) -> None:
    other = typed("brand", uuid7())
    theirs = services.add("lead", other)
    query = "query($id: ID!) { node(id: $id) { id } lead(id: $id) { id } }"

    response = await client.post(
        {"query": query, "variables": {"id": theirs}, "brand": other}, **{"x-brand": other}
    )

    assert response.json() == {"data": {"node": None, "lead": None}}
    assert {typed("brand", principal.brand_id) for principal in services.principals} == {brand}


@pytest.mark.parametrize("wrong", ["", "lead", "lead_1", "lead_" + "z" * 26, "what_01j", "../x"])
async def test_what_is_no_id_is_null_without_a_call(
    client: Client, services: Services, wrong: str
) -> None:
    data = await client.run("query($id: ID!) { node(id: $id) { id } }", id=wrong)

    assert data == {"node": None}
    assert services.calls == []


async def test_g1_nodes_come_in_the_order_asked_with_one_call_per_kind(
    client: Client, services: Services, brand: str
) -> None:
    leads = [services.add("lead", brand) for _ in range(3)]
    unit = services.add("unit", brand)
    ids = [leads[2], unit, "nothing", leads[0], leads[2]]

    data = await client.run("query($ids: [ID!]!) { nodes(ids: $ids) { id } }", ids=ids)

    assert [node and node["id"] for node in data["nodes"]] == [
        leads[2],
        unit,
        None,
        leads[0],
        leads[2],
    ]
    assert sorted(services.calls) == ["POST account/units/by-ids", "POST lead/leads/by-ids"]


async def test_g1_a_page_goes_on_from_its_end_and_from_any_edge(
    client: Client, services: Services, brand: str
) -> None:
    ids = [services.add("lead", brand) for _ in range(7)][::-1]
    query = """query($first: Int!, $after: String) {
      leads(first: $first, after: $after) {
        edges { cursor node { id } }
        pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
      }
    }"""

    page = (await client.run(query, first=3))["leads"]
    rest = (await client.run(query, first=10, after=page["pageInfo"]["endCursor"]))["leads"]
    middle = (await client.run(query, first=2, after=rest["edges"][1]["cursor"]))["leads"]

    assert [edge["node"]["id"] for edge in page["edges"]] == ids[:3]
    assert page["pageInfo"]["hasNextPage"] is True
    assert page["pageInfo"]["hasPreviousPage"] is False
    assert [edge["node"]["id"] for edge in rest["edges"]] == ids[3:]
    assert rest["pageInfo"]["hasNextPage"] is False
    assert [edge["node"]["id"] for edge in middle["edges"]] == ids[5:]
    assert middle["pageInfo"]["startCursor"] == middle["edges"][0]["cursor"]
    assert middle["pageInfo"]["hasPreviousPage"] is True


async def test_g1_a_page_of_no_rows_says_whether_there_are_any(
    client: Client, services: Services, brand: str
) -> None:
    for _ in range(2):
        services.add("lead", brand)
    query = """query($after: String) {
      leads(first: 0, after: $after) {
        edges { cursor }
        nodes { id }
        pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
      }
    }"""
    last = (await client.run("{ leads { pageInfo { endCursor } } }"))["leads"]["pageInfo"]

    some = (await client.run(query))["leads"]
    none = (await client.run(query, after=last["endCursor"]))["leads"]

    assert (some["edges"], some["nodes"]) == (none["edges"], none["nodes"]) == ([], [])
    assert some["pageInfo"] == {
        "hasNextPage": True,
        "hasPreviousPage": False,
        "startCursor": None,
        "endCursor": None,
    }
    assert none["pageInfo"]["hasNextPage"] is False


async def test_g1_a_cursor_of_any_edge_keeps_its_place_when_rows_come_in_front(
    client: Client, services: Services, brand: str
) -> None:
    query = """query($after: String) {
      leads(first: 4, after: $after) { edges { cursor node { id } } }
    }"""
    ids = [services.add("lead", brand) for _ in range(6)][::-1]
    page = (await client.run(query))["leads"]["edges"]
    for _ in range(3):
        services.add("lead", brand)

    rests = [(await client.run(query, after=edge["cursor"]))["leads"]["edges"] for edge in page]

    assert [[edge["node"]["id"] for edge in rest] for rest in rests] == [
        ids[1:5],
        ids[2:],
        ids[3:],
        ids[4:],
    ]


async def test_g5_the_audit_trail_is_paged_by_its_sequence(
    client: Client, services: Services
) -> None:
    entry = {"at": AT, "actor": "person", "action": "unit.move", "subject": "unit_1"}
    services.answers["GET lead/audit"] = lambda _: {
        "items": [{**entry, "sequence": 9}, {**entry, "sequence": 8}],
        "page": {"has_next": True, "end_cursor": encode_cursor(8)},
    }
    query = """query($after: String) {
      auditTrail(service: LEAD, first: 2, after: $after) { edges { cursor } pageInfo { endCursor } }
    }"""

    trail = (await client.run(query))["auditTrail"]
    await client.run(query, after=trail["edges"][0]["cursor"])

    assert trail["pageInfo"]["endCursor"] == trail["edges"][1]["cursor"] == encode_cursor(8)
    assert services.queries[-1] == {"first": "2", "after": encode_cursor(9)}


async def test_a_cursor_of_no_list_is_an_error_that_names_the_argument(client: Client) -> None:
    response = await client.post({"query": '{ leads(after: "~nonsense") { nodes { id } } }'})

    assert response.json()["data"] == {"leads": None}
    assert response.json()["errors"][0]["extensions"] == {"code": "invalid"}


async def test_backward_paging_is_refused_clearly(client: Client) -> None:
    response = await client.post({"query": "{ leads(last: 5) { nodes { id } } }"})

    assert response.status_code == 400
    assert (
        response.json()["errors"][0]["message"] == "Unknown argument 'last' on field 'Query.leads'."
    )


async def test_g1_relations_of_relations_take_one_call_per_kind_and_level(
    client: Client, services: Services, brand: str
) -> None:
    for _ in range(20):
        unit = services.add("unit", brand, parent_id=services.add("unit", brand))
        staff = services.add("staff", brand, unit_id=unit)
        account = services.add("acct", brand, staff_id=staff, unit_id=unit)
        services.add("lead", brand, staff_id=staff, unit_id=unit, account_id=account)
    query = """{ leads(first: 20) { nodes {
      staff { unit { parent { code } } }
      account { staff { code } unit { code } }
    } } }"""

    data = await client.run(query)

    assert data["leads"]["nodes"][0] == {
        "staff": {"unit": {"parent": {"code": "SH01"}}},
        "account": {"staff": {"code": "S001"}, "unit": {"code": "SH01"}},
    }
    assert services.calls.count("POST account/staff/by-ids") == 1
    assert services.calls.count("POST account/accounts/by-ids") == 1
    assert len(services.calls) <= 6


async def test_relations_behind_fragments_and_conditions_are_batched_too(
    client: Client, services: Services, brand: str
) -> None:
    for _ in range(10):
        services.add("lead", brand, staff_id=services.add("staff", brand))
    query = """query($with: Boolean!) {
      leads(first: 10) {
        edges { node { ...WithStaff ... @include(if: $with) { contact { id } } } }
      }
    }
    fragment WithStaff on Lead { staff @include(if: $with) { code } again: staff { name } }"""

    on = await client.run(query, **{"with": True})
    off = await client.run(query, **{"with": False})

    node = {"staff": {"code": "S001"}, "again": {"name": "陈晨"}, "contact": None}
    assert on["leads"]["edges"][0]["node"] == node
    assert off["leads"]["edges"][0]["node"] == {"again": {"name": "陈晨"}}
    assert services.calls == ["GET lead/leads", "POST account/staff/by-ids"] * 2


async def test_g1_leads_of_a_page_of_posts_come_in_one_call_with_their_deals(
    client: Client, services: Services, brand: str
) -> None:
    posts = [services.add("post", brand) for _ in range(5)]
    lead = typed("lead", uuid7())
    services.answers["POST lead/leads/by-posts"] = lambda _: {
        "items": [
            {"post_id": post, "total": 1, "leads": [{**ROWS["lead"], "id": lead}]} for post in posts
        ]
    }
    services.answers["POST lead/deals/by-leads"] = lambda _: {
        "items": [{"lead_id": lead, "total": 1, "deals": [{**ROWS["deal"], "id": "deal_1"}]}]
    }
    query = """{ posts(first: 5) { nodes { id leads(first: 3) {
      total leads { id deals { amountMinor currency } }
    } } } }"""

    data = await client.run(query)

    assert [node["id"] for node in data["posts"]["nodes"]] == posts[::-1]
    assert data["posts"]["nodes"][0]["leads"] == {
        "total": 1,
        "leads": [{"id": lead, "deals": [{"amountMinor": 1_998_000_000, "currency": "CNY"}]}],
    }
    assert services.calls == [
        "GET content/posts",
        "POST lead/leads/by-posts",
        "POST lead/deals/by-leads",
    ]
    assert services.bodies[1] == {"ids": posts[::-1], "first": 3}


async def test_an_outage_of_one_service_blanks_its_fields_and_nothing_else(
    client: Client, services: Services, brand: str
) -> None:
    services.add(
        "lead", brand, contact_id=services.add("contact", brand), staff_id=typed("staff", uuid7())
    )
    services.away.add("account")

    query = """{
      leads { nodes { status contact { name } staff { code } } }
      race(period: "2026-11") { rank }
    }"""

    response = await client.post({"query": query})

    answer = response.json()
    assert response.status_code == 200
    assert answer["data"]["race"] is None
    assert answer["data"]["leads"]["nodes"] == [
        {"status": "OFFERED", "contact": {"name": "王*"}, "staff": None}
    ]
    assert sorted(error["path"] for error in answer["errors"]) == [
        ["leads", "nodes", 0, "staff"],
        ["race"],
    ]
    assert {error["message"] for error in answer["errors"]} == {
        "account_svc does not answer; try again later"
    }


async def test_a_read_that_the_role_may_not_do_says_so(client: Client, services: Services) -> None:
    services.answers["GET account/ledger"] = lambda _: problem(
        403, "not_allowed", "this credential may not do ledger.read"
    )

    response = await client.post({"query": "{ ledger { nodes { amount } } }"})

    assert response.json()["data"] == {"ledger": None}
    assert response.json()["errors"][0]["message"] == "this credential may not do ledger.read"
    assert response.json()["errors"][0]["extensions"] == {"code": "not_allowed"}


async def test_an_answer_that_is_not_what_was_agreed_is_masked(
    client: Client, services: Services
) -> None:
    services.answers["GET lead/leads"] = lambda _: {"items": [{"phone": "13800138000"}]}

    response = await client.post({"query": "{ leads { nodes { id } } }"})

    assert response.json()["data"] == {"leads": None}
    assert response.json()["errors"][0]["message"] == "an unexpected error; quote the request id"
    assert response.json()["errors"][0]["extensions"] == {
        "code": "internal",
        "requestId": response.headers["x-request-id"],
    }


async def test_funnel_race_and_what_converts_come_from_one_query(
    client: Client, services: Services, brand: str
) -> None:
    store = services.add("unit", brand)
    campaign = services.add("camp", brand)
    services.answers["GET lead/funnel"] = lambda request: {
        **dict.fromkeys(
            ("captured", "qualified", "offered", "accepted", "declined", "expired", "pooled"), 4
        ),
        "voided": 0,
        "deals": 2,
        "amount_minor": 39_960_000_00 if request.query["campaign_id"] == campaign else 0,
    }
    services.answers["GET account/race"] = lambda request: {
        "items": [
            {
                "rank": 1,
                "store_id": store,
                "points": 120,
                "accepted_leads": 4,
                "deals": 2,
                "previous_points": 90,
                "league": "all",
                "score": 1.5,
                "is_eligible": True,
                "ineligible_because": None,
                "voided_leads": 0,
                "sellers": 3,
            }
        ],
        "page": {"has_next": False, "end_cursor": None},
    }
    services.answers["GET content/what-converts"] = lambda request: {
        "items": [
            {
                "key": "douyin",
                "posts": 10,
                "views": 2**40,
                "leads": 4,
                "accepted": 4,
                "deals": 2,
                "amount_minor": 5,
                "lead_rate": 0.1,
                "lead_rate_low": 0.05,
                "lead_rate_high": 0.2,
            }
        ]
    }
    query = """query($campaign: ID!) {
      funnel(campaignId: $campaign) {
        campaign { name counts { published held } }
        content { posts views }
        leads { captured accepted deals amountMinor }
      }
      race(period: "2026-11", first: 3) { rank points store { name } }
      whatConverts(by: PLATFORM) { key leads leadRate leadRateLow leadRateHigh }
    }"""

    data = await client.run(query, campaign=campaign)

    assert data == {
        "funnel": {
            "campaign": {"name": "新车上市", "counts": {"published": 2, "held": 1}},
            "content": {"posts": 10, "views": 2**40},
            "leads": {"captured": 4, "accepted": 4, "deals": 2, "amountMinor": 3_996_000_000},
        },
        "race": [{"rank": 1, "points": 120, "store": {"name": "上海一店"}}],
        "whatConverts": [
            {
                "key": "douyin",
                "leads": 4,
                "leadRate": 0.1,
                "leadRateLow": 0.05,
                "leadRateHigh": 0.2,
            }
        ],
    }


async def test_routing_decisions_tell_who_was_looked_at_and_why(
    client: Client, services: Services, brand: str
) -> None:
    staff = [services.add("staff", brand) for _ in range(2)]
    unit = services.add("unit", brand)
    lead = services.add("lead", brand)
    services.answers[f"GET lead/leads/{lead}/decisions"] = lambda _: {
        "items": [
            {
                "id": typed("decision", uuid7()),
                "lead_id": lead,
                "offer_id": None,
                "policy_version": 2,
                "decided_at": "2026-11-22T08:00:00Z",
                "outcome": "offered",
                "staff_id": staff[1],
                "inputs": {"grade": "A"},
                "candidates": [
                    {
                        "staff_id": staff[0],
                        "unit_id": unit,
                        "step": "author",
                        "is_chosen": False,
                        "rejected_because": "absent",
                    },
                    {
                        "staff_id": staff[1],
                        "unit_id": unit,
                        "step": "store",
                        "is_chosen": True,
                        "rejected_because": None,
                    },
                ],
                "uncounted": 0,
                "tie_break": "least_load",
                "explanation": {"kos": "给你", "manager": "门店", "auditor": "v2"},
            }
        ]
    }
    query = """query($id: ID!) { lead(id: $id) { decisions {
      outcome policyVersion inputs
      candidates { step isChosen rejectedBecause staff { code } unit { name } }
      explanation { kos }
    } } }"""

    data = await client.run(query, id=lead)

    [decision] = data["lead"]["decisions"]
    assert decision["candidates"] == [
        {
            "step": "AUTHOR",
            "isChosen": False,
            "rejectedBecause": "absent",
            "staff": {"code": "S001"},
            "unit": {"name": "上海一店"},
        },
        {
            "step": "STORE",
            "isChosen": True,
            "rejectedBecause": None,
            "staff": {"code": "S001"},
            "unit": {"name": "上海一店"},
        },
    ]
    assert decision["explanation"] == {"kos": "给你"}
    assert decision["inputs"] == {"grade": "A"}
    assert sorted(services.calls) == sorted(
        [
            "POST lead/leads/by-ids",
            f"GET lead/leads/{lead}/decisions",
            "POST account/staff/by-ids",
            "POST account/units/by-ids",
        ]
    )


async def test_filters_reach_the_service_in_its_own_words(
    client: Client, services: Services
) -> None:
    seen: list[dict[str, str]] = []

    def answer(request: web.Request) -> dict[str, object]:
        seen.append(dict(request.query))
        return {"items": [], "page": {"has_next": False, "end_cursor": None}}

    services.answers["GET lead/leads"] = answer

    await client.run("{ leads(first: 5, status: POOLED, unitId: 7) { nodes { id } } }")

    assert seen == [{"first": "5", "status": "pooled", "unit_id": "7"}]


async def test_a11_a_statement_names_its_person_and_what_is_paid_out(
    client: Client, services: Services, brand: str
) -> None:
    staff_id = services.add("staff", brand)
    line = {
        "trigger": "deal_won",
        "currency": "CNY",
        "entries": 3,
        "earned": 9_000_000_000,
        "taken_back": 1_000,
        "over_budget": 500,
        "payable": 8_999_998_500,
    }
    services.answers[f"GET account/staff/{staff_id}/statement"] = lambda _: {
        "staff_id": staff_id,
        "period": "2026-11",
        "lines": [line],
    }

    response = await client.post(
        {
            "query": """query($id: ID!) {
              statement(staffId: $id, period: "2026-11") {
                period
                staff { id }
                lines { trigger currency entries earned takenBack overBudget payable }
              }
            }""",
            "variables": {"id": staff_id},
        }
    )

    assert response.json()["data"]["statement"] == {
        "period": "2026-11",
        "staff": {"id": staff_id},
        "lines": [
            {
                "trigger": "DEAL_WON",
                "currency": "CNY",
                "entries": 3,
                "earned": 9_000_000_000,
                "takenBack": 1_000,
                "overBudget": 500,
                "payable": 8_999_998_500,
            }
        ],
    }
