"""GraphQL over HTTP: methods, media types, statuses and shapes of answers."""

import json
from typing import Any

import httpx
import pytest

from gateway.settings import Settings
from tests.gateway.conftest import Client, MakeToken, serve
from tests.gateway.services import Services

GRAPHQL_RESPONSE = "application/graphql-response+json"
TYPENAME = {"query": "{ __typename }"}


def code_of(response: httpx.Response) -> Any:
    [error] = response.json()["errors"]
    return error["extensions"]["code"]


async def test_a_query_is_answered_in_the_media_type_that_was_asked_for(client: Client) -> None:
    response = await client.post(
        TYPENAME, accept=f"{GRAPHQL_RESPONSE}, application/json;q=0.9", **{"x-request-id": "r" * 8}
    )

    assert response.status_code == 200
    assert response.headers["content-type"] == f"{GRAPHQL_RESPONSE}; charset=utf-8"
    assert response.headers["x-request-id"] == "r" * 8
    assert response.json() == {"data": {"__typename": "Query"}}


@pytest.mark.parametrize("accept", ["application/json", "*/*", "text/html, application/*;q=0.5"])
async def test_clients_of_the_older_kind_get_json(client: Client, accept: str) -> None:
    response = await client.post(TYPENAME, accept=accept)

    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json; charset=utf-8"


async def test_a_media_type_that_cannot_be_made_is_406(client: Client) -> None:
    response = await client.post(TYPENAME, accept="text/html")

    assert (response.status_code, code_of(response)) == (406, "not_acceptable")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD"])
async def test_only_post_runs_operations(client: Client, method: str) -> None:
    response = await client.http.request(method, "/graphql", params=TYPENAME)

    assert response.status_code == 405
    assert response.headers["allow"] == "POST"


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""],
)
async def test_only_json_bodies_are_read(client: Client, content_type: str) -> None:
    response = await client.http.post(
        "/graphql",
        content=b'{"query":"{ __typename }"}',
        headers={"authorization": f"Bearer {client.token}", "content-type": content_type},
    )

    assert (response.status_code, code_of(response)) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", "not_json"),
        (b'{"query": 5}', "malformed"),
        (b'{"query": "{ __typename }", "variables": []}', "malformed"),
        (b'{"query": "{ __typename }", "extensions": "x"}', "malformed"),
        (b'{"variables": {"a":' + b"[" * 40_000 + b"]" * 40_000 + b"}}", "not_json"),
        (b"{}", "malformed"),
        (b'[{"query": "{ __typename }"}]', "batching_off"),
        (b'{"query": "{ "}', "syntax"),
        (b'{"query": "{ leads { nope } }"}', "invalid_document"),
        (b'{"query": "{ __typename }", "operationName": "Other"}', "unknown_operation"),
        (b'{"query": "query A { __typename } query B { __typename }"}', "unknown_operation"),
    ],
)
async def test_what_cannot_run_is_400_without_data(
    client: Client, services: Services, body: bytes, code: str
) -> None:
    headers = {"authorization": f"Bearer {client.token}", "content-type": "application/json"}

    first = await client.http.post("/graphql", content=body, headers=headers)
    again = await client.http.post("/graphql", content=body, headers=headers)

    assert (first.status_code, again.status_code) == (400, 400)
    assert "data" not in first.json()
    assert {error["extensions"]["code"] for error in first.json()["errors"]} == {code}
    assert again.json() == first.json()
    assert services.calls == []


async def test_variables_that_do_not_fit_are_400_without_data(client: Client) -> None:
    query = "query($status: LeadStatus) { leads(status: $status) { nodes { id } } }"

    response = await client.post({"query": query, "variables": {"status": "NOPE"}})

    assert response.status_code == 400
    assert "data" not in response.json()


@pytest.mark.parametrize(
    ("body", "older", "draft"),
    [
        (b"{", 400, 400),
        (b'{"query": "{ "}', 400, 400),
        (b'{"query": 5}', 400, 422),
        (b'{"query": "{ nope }"}', 400, 422),
        (b'{"query": "{ __typename }", "operationName": "Other"}', 400, 422),
        (b'{"query": "query($id: ID!) { lead(id: $id) { id } }"}', 400, 422),
        (b'{"query": "{ leads { nodes { id } } }"}', 200, 294),
        (b'{"query": "{ __typename }"}', 200, 200),
    ],
)
async def test_statuses_of_the_newest_draft_are_a_setting(
    settings: Settings,
    services: Services,
    make_token: MakeToken,
    brand: str,
    body: bytes,
    older: int,
    draft: int,
) -> None:
    services.away.add("lead")
    headers = {
        "authorization": f"Bearer {make_token(brand=brand)}",
        "content-type": "application/json",
        "accept": GRAPHQL_RESPONSE,
    }
    statuses = []
    for is_draft in (False, True):
        chosen = settings.model_copy(update={"draft_statuses": is_draft})
        async with serve(chosen) as http:
            answer = await http.post("/graphql", content=body, headers=headers)
        statuses.append(answer.status_code)
        assert ("data" in answer.json()) is (answer.status_code < 300)

    assert statuses == [older, draft]


async def test_unknown_members_of_the_body_are_ignored(client: Client) -> None:
    response = await client.post({**TYPENAME, "extensions": {"x": 1}, "future": True})

    assert response.json() == {"data": {"__typename": "Query"}}


async def test_a_request_without_a_good_token_is_401_and_reaches_no_service(
    http: httpx.AsyncClient, services: Services, make_token: MakeToken, brand: str
) -> None:
    for token in ("", "Bearer nonsense", f"Bearer {make_token(brand=brand, seconds=-10)}"):
        response = await http.post(
            "/graphql",
            json=TYPENAME,
            headers={"authorization": token, "accept": GRAPHQL_RESPONSE},
        )

        assert response.headers["content-type"] == "application/json; charset=utf-8"
        assert (response.status_code, code_of(response)) == (401, "unauthenticated")
        assert response.headers["www-authenticate"] == "Bearer"
    assert services.calls == []


async def test_a_body_over_the_cap_is_413_whether_declared_or_streamed(client: Client) -> None:
    async def chunks() -> Any:
        for _ in range(110):
            yield b" " * 1024

    headers = {"authorization": f"Bearer {client.token}", "content-type": "application/json"}

    declared = await client.post({"query": "#" + "x" * 110 * 1024})
    streamed = await client.http.post("/graphql", content=chunks(), headers=headers)

    assert (declared.status_code, code_of(declared)) == (413, "too_large")
    assert (streamed.status_code, code_of(streamed)) == (413, "too_large")


async def test_a_subscription_needs_a_stream(client: Client) -> None:
    response = await client.post({"query": "subscription { offers { id } }"})

    assert (response.status_code, code_of(response)) == (400, "not_a_stream")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"query": "{ "}, "syntax"),
        ({"query": "{ nope }"}, "invalid_document"),
        ({"query": "subscription { nope }"}, "invalid_document"),
        ({"query": "{ leads(first: -1) { nodes { id } } }"}, "invalid_page_size"),
        ({"query": "{ campaigns { nodes { posts { nodes { id } } } } }"}, "too_costly"),
        ({"documentId": "sha256:00"}, "unknown_document"),
    ],
)
async def test_g4_what_does_not_pass_validation_arrives_as_the_event_of_a_stream(
    client: Client, body: dict[str, str], code: str
) -> None:
    response = await client.post(body, accept="text/event-stream")

    assert response.status_code == 200
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    [first, last] = response.text.removesuffix("\n\n").split("\n\n")
    told = json.loads(first.removeprefix("event: next\ndata: "))
    assert list(told) == ["errors"]
    assert [error["extensions"]["code"] for error in told["errors"]] == [code]
    assert last == "event: complete\ndata:"


async def test_g4_a_stream_is_refused_over_http_before_there_is_an_operation(
    client: Client,
) -> None:
    headers = {"accept": "text/event-stream"}

    malformed = await client.post({"query": 5}, **headers)
    nobody = await client.http.post("/graphql", json=TYPENAME, headers=headers)

    assert (malformed.status_code, nobody.status_code) == (400, 401)
    assert malformed.headers["content-type"] == "application/json; charset=utf-8"


async def test_sdl_console_health_and_metrics_are_served(
    http: httpx.AsyncClient, services: Services
) -> None:
    sdl = await http.get("/schema.graphql")
    console = await http.get("/")
    script = await http.get("/console/console.js")
    healthy = await http.get("/healthz")
    ready = await http.get("/readyz")
    metrics = await http.get("/metrics")

    assert "type Lead implements Node {" in sdl.text
    assert console.headers["content-type"].startswith("text/html")
    assert '<script src="/console/console.js" type="module">' in console.text
    assert "http://" not in console.text + script.text
    assert "https://" not in console.text + script.text
    assert healthy.json() == {"status": "alive"}
    assert ready.status_code == 503
    assert ready.json()["checks"] == {
        "account_svc": "ok",
        "content_svc": "ok",
        "lead_svc": "ok",
        "feed": "unreachable: ConnectionError",
    }
    assert "kos_gateway_upstream_calls_total" in metrics.text
