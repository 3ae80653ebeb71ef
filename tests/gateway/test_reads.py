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
