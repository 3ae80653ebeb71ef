"""Verbs: what they send, what they answer, and refusals as data."""

from typing import Any

import pytest

from shared.ids import typed, uuid7
from tests.gateway.conftest import Client
from tests.gateway.services import ROWS, Services, problem

ACCEPT = """
mutation($input: AcceptLeadInput!) {
  acceptLead(input: $input) {
    __typename
    ... on Lead { id status staff { name } }
    ... on Problem { code message path }
  }
}
"""


async def test_g3_a_verb_sends_its_input_and_key_and_answers_the_new_state(
    client: Client, services: Services, brand: str
) -> None:
    staff = services.add("staff", brand)
    lead = typed("lead", uuid7())
    services.answers[f"POST lead/leads/{lead}/accept"] = lambda _: {
        **ROWS["lead"],
        "id": lead,
        "status": "accepted",
        "staff_id": staff,
    }

    data = await client.run(ACCEPT, input={"id": lead, "staffId": staff, "idempotencyKey": "k-1"})

    assert data["acceptLead"] == {
        "__typename": "Lead",
        "id": lead,
        "status": "ACCEPTED",
        "staff": {"name": "陈晨"},
    }
    assert services.calls == [f"POST lead/leads/{lead}/accept", "POST account/staff/by-ids"]
    assert services.bodies[0] == {"staff_id": staff}
    assert services.headers[0]["idempotency-key"] == "k-1"


async def test_g3_a_key_that_another_write_used_is_refused_by_the_inputs_name(
    client: Client, services: Services
) -> None:
    lead = typed("lead", uuid7())
    services.answers[f"POST lead/leads/{lead}/accept"] = lambda _: problem(
        422, "idempotency_key_reused", "the key was used for another request", "/Idempotency-Key"
    )

    data = await client.run(ACCEPT, input={"id": lead, "idempotencyKey": "k-1"})

    assert data["acceptLead"] == {
        "__typename": "Invalid",
        "code": "idempotency_key_reused",
        "message": "the key was used for another request",
        "path": ["input", "idempotencyKey"],
    }


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (404, "not_found", "NotFound"),
        (409, "lead_not_offered", "Conflict"),
        (403, "not_allowed", "NotAllowed"),
        (422, "invalid", "Invalid"),
        (400, "malformed", "Invalid"),
        (429, "rate_limited", "RateLimited"),
    ],
)
async def test_g3_a_refusal_is_a_problem_and_no_error(
    client: Client, services: Services, status: int, code: str, kind: str
) -> None:
    lead = typed("lead", uuid7())
    services.answers[f"POST lead/leads/{lead}/accept"] = lambda _: problem(
        status, code, "because", "/staff_id"
    )

    data = await client.run(ACCEPT, input={"id": lead})

    assert data["acceptLead"] == {
        "__typename": kind,
        "code": code,
        "message": "because",
        "path": ["input", "staffId"],
    }
    assert len(services.calls) == 1


@pytest.mark.parametrize("key", ["a\r\nX-Other: 1", "a\0", "键"])
async def test_a_key_that_is_no_header_value_is_refused_by_name(
    client: Client, services: Services, key: str
) -> None:
    data = await client.run(ACCEPT, input={"id": typed("lead", uuid7()), "idempotencyKey": key})

    assert data["acceptLead"]["__typename"] == "Invalid"
    assert data["acceptLead"]["path"] == ["input", "idempotencyKey"]
    assert services.calls == []


@pytest.mark.parametrize("credentials", [1, "a", []])
async def test_credentials_that_are_no_object_are_refused_by_name(
    client: Client, services: Services, credentials: Any
) -> None:
    query = """mutation($input: AuthorizePlatformInput!) {
      authorizePlatform(input: $input) { ... on Problem { code path } }
    }"""

    data = await client.run(query, input={"platform": "WECOM", "credentials": credentials})

    assert data["authorizePlatform"] == {"code": "invalid", "path": ["input", "credentials"]}
    assert services.calls == []


async def test_the_path_of_a_problem_leads_into_lists_and_nested_inputs(
    client: Client, services: Services
) -> None:
    services.answers["POST content/campaigns"] = lambda _: problem(
        422, "unknown_unit", "no such unit", "/target/unit_ids/0"
    )
    query = """mutation($input: PlanCampaignInput!) {
      planCampaign(input: $input) { ... on Problem { code path } }
    }"""
    plan: dict[str, Any] = {
        "code": "C1",
        "name": "新车上市",
        "mode": "CENTRAL_ENABLEMENT",
        "templateId": typed("tmpl", uuid7()),
        "target": {"unitIds": ["unit_x"], "platforms": ["DOUYIN"]},
        "startsAt": "2026-11-23T00:00:00Z",
        "endsAt": "2026-11-30T00:00:00+08:00",
    }

    data = await client.run(query, input=plan)

    assert data["planCampaign"] == {
        "code": "unknown_unit",
        "path": ["input", "target", "unitIds", "0"],
    }
    assert services.bodies == [
        {
            "code": "C1",
            "name": "新车上市",
            "mode": "central_enablement",
            "template_id": plan["templateId"],
            "target": {"unit_ids": ["unit_x"], "platforms": ["douyin"]},
            "starts_at": "2026-11-23T00:00:00Z",
            "ends_at": "2026-11-30T00:00:00+08:00",
        }
    ]


@pytest.mark.parametrize(
    "wrong",
    ["x", "lead_1", "../brands", typed("post", uuid7()), typed("lead", uuid7()) + "/void"],
    ids=["no id", "no uuid", "a path", "of a post", "with a path"],
)
async def test_an_id_of_another_kind_is_refused_before_any_call(
    client: Client, services: Services, wrong: str
) -> None:
    data = await client.run(ACCEPT, input={"id": wrong})

    assert data["acceptLead"] == {
        "__typename": "Invalid",
        "code": "invalid",
        "message": "expected an id that starts with lead_",
        "path": ["input", "id"],
    }
    assert services.calls == []


async def test_an_outage_in_a_mutation_is_a_masked_error_and_not_repeated(
    client: Client, services: Services
) -> None:
    services.away.add("lead")

    response = await client.post(
        {"query": ACCEPT, "variables": {"input": {"id": typed("lead", uuid7())}}}
    )

    answer = response.json()
    assert response.status_code == 200
    assert answer["data"] is None
    assert answer["errors"][0]["message"] == "lead_svc does not answer; try again later"
    assert answer["errors"][0]["path"] == ["acceptLead"]
    assert answer["errors"][0]["extensions"] == {
        "code": "unavailable",
        "requestId": response.headers["x-request-id"],
    }
    assert "secret of the stack" not in response.text
    assert len(services.calls) == 1


async def test_a_secret_is_in_the_answer_that_made_it(client: Client, services: Services) -> None:
    endpoint = typed("endpoint", uuid7())
    services.answers["POST lead/webhook-endpoints"] = lambda _: {
        "id": endpoint,
        "url": "https://scrm.test/hook",
        "name": "SCRM",
        "event_types": ["kos.lead.*"],
        "includes_personal_data": False,
        "status": "active",
        "disabled_reason": None,
        "created_at": "2026-11-22T08:00:00Z",
        "secret": "whsec_once",
    }
    query = """mutation($input: AddWebhookEndpointInput!) {
      addWebhookEndpoint(input: $input) { ... on WebhookEndpoint { id status secret } }
    }"""

    data = await client.run(
        query,
        input={"url": "https://scrm.test/hook", "name": "SCRM", "eventTypes": ["kos.lead.*"]},
    )

    assert data["addWebhookEndpoint"] == {
        "id": endpoint,
        "status": "ACTIVE",
        "secret": "whsec_once",
    }


async def test_a_draft_is_scheduled_as_a_post(client: Client, services: Services) -> None:
    draft, post = typed("draft", uuid7()), typed("post", uuid7())
    services.answers[f"POST content/drafts/{draft}/schedule"] = lambda _: {
        **ROWS["post"],
        "id": post,
        "status": "scheduled",
    }
    query = """mutation($input: ScheduleDraftInput!) {
      scheduleDraft(input: $input) { ... on Post { id status } }
    }"""

    data = await client.run(query, input={"id": draft, "dueAt": "2026-11-23T09:00:00+08:00"})

    assert data["scheduleDraft"] == {"id": post, "status": "SCHEDULED"}
    assert services.bodies == [{"due_at": "2026-11-23T09:00:00+08:00"}]
