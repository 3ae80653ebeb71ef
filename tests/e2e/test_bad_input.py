"""What is not right when it comes in: refused, set aside or reported, and nothing else happens."""

import json
import secrets as random_secrets
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from deploy.local.databases import SERVICES
from deploy.local.demo import setup
from deploy.local.demo.catching_up import wait_until_caught_up
from deploy.local.demo.client import DemoFailed, until
from shared.ids import parse_id
from tests.e2e.small_brand import SmallBrand, import_rows, list_all, open_brand
from tests.e2e.stack import Running

# the first of them may also wait for the stack
pytestmark = pytest.mark.timeout(180)

SECRET_WORDS = "不应出现的内容 13912345678"

# platform: what is said, the status of the refusal, and what its body says (wire formats)
REFUSALS: dict[str, tuple[str, int, dict[str, Any] | str]] = {
    "wecom": ("add_external_contact", 401, "-40001"),
    "douyin": ("im_receive_msg", 401, {"message": "signature"}),
    "oceanengine": (
        "sandbox.clue",
        401,
        {"base_resp": {"status_code": 401, "status_message": "signature"}},
    ),
    "kuaishou": ("photo", 401, {"result": 0, "error_msg": "signature"}),
    "generic": (
        "lead.created",
        401,
        {"type": "about:blank", "title": "Unauthorized", "status": 401, "code": "hook_signature"},
    ),
}
BROKEN = '{"broken": '


@pytest.fixture(scope="module")
async def brand(running: Running) -> AsyncIterator[SmallBrand]:
    async with open_brand(running.urls, "bad") as made:
        await setup.set_rules(made.client, offer_minutes=30)
        app_secret = random_secrets.token_hex(16)
        made.connections["kuaishou"] = await connect(
            made,
            "kuaishou",
            secrets={"app_secret": app_secret},
            settings={"app_id": "ks-bad"},
            sandbox={"app_id": "ks-bad", "app_secret": app_secret},
        )
        yield made


async def connect(
    brand: SmallBrand,
    platform: str,
    *,
    secrets: dict[str, Any],
    settings: dict[str, Any],
    sandbox: dict[str, Any],
) -> str:
    """One more hook connection, the same secrets on both sides."""
    connection = await brand.client.mutate(
        "connectPlatform",
        "PlatformConnection",
        "id",
        {"platform": platform, "name": platform, "secrets": secrets, "settings": settings},
    )
    connection_id: str = connection["id"]
    await brand.client.send(
        "PUT",
        f"{brand.client.urls.sandbox}/sandbox/connections/{connection_id}",
        json={"platform": platform, "settings": sandbox},
    )
    return connection_id


async def send_hook(brand: SmallBrand, connection_id: str, **hook: Any) -> dict[str, Any]:
    """One delivery by the sandbox, with all its attempts."""
    delivery: dict[str, Any] = await brand.client.send(
        "POST",
        f"{brand.client.urls.sandbox}/sandbox/connections/{connection_id}/hooks",
        json=hook,
    )
    return delivery


async def count_rows(running: Running, brand: SmallBrand) -> dict[str, int]:
    """How many rows the brand has in every table of every service."""
    counts: dict[str, int] = {}
    brand_id = str(parse_id("brand", brand.client.brand_id))
    for service in SERVICES:
        tables = await running.tables(service, column="brand_id")
        each = (
            f"select '{table}', count(*) from \"{table}\" where brand_id::text = $1"
            for table in tables
        )
        rows = await running.fetch(service, " union all ".join(each), brand_id)
        counts |= {f"{service}.{table}": count for table, count in rows}
    return counts


async def settle(running: Running, brand: SmallBrand) -> None:
    """Wait for what follows by itself from what was announced."""
    brand_id = parse_id("brand", brand.client.brand_id)

    async def is_folded() -> bool:
        count = "select count(*) from health_fact where brand_id = $1"
        [(waiting,)] = await running.fetch("account", count, brand_id)
        return bool(waiting == 0)

    await wait_until_caught_up(running.urls.kafka_bootstrap)
    await until("facts of health are folded", is_folded, seconds=20)


@pytest.mark.parametrize("platform", REFUSALS)
async def test_l1_bad_signature_is_refused_as_the_platform_expects(
    running: Running, brand: SmallBrand, platform: str
) -> None:
    event, status, body = REFUSALS[platform]
    connection_id = brand.connections[platform]
    before = await count_rows(running, brand)
    refused_before = await _refused(running, platform)

    delivery = await send_hook(
        brand,
        connection_id,
        event=event,
        data={"note": SECRET_WORDS, "content": SECRET_WORDS},
        bad_signature=True,
    )

    assert delivery["outcome"] == "refused"
    (attempt,) = delivery["attempts"]
    assert attempt["status"] == status
    if isinstance(body, str):
        assert body in attempt["answer"]
    else:
        assert json.loads(attempt["answer"]) == body
    assert await count_rows(running, brand) == before
    assert await _refused(running, platform) == refused_before + 1
    lines = [
        json.loads(line)
        for line in running.log("lead").read_text().splitlines()
        if "hook_refused" in line and connection_id in line
    ]
    assert [(line["platform"], line["reason"]) for line in lines] == [(platform, "signature")]
    for word in SECRET_WORDS.split():
        assert word not in running.log("lead").read_text()


async def _refused(running: Running, platform: str) -> int:
    """The counter of refused signatures, as a monitor reads it."""
    wanted = f'kos_hook_refused_total{{platform="{platform}",reason="signature"}} '
    async with httpx.AsyncClient(trust_env=False) as client:
        metrics = (await client.get(f"{running.urls.lead}/metrics")).text
    values = [line.removeprefix(wanted) for line in metrics.splitlines() if wanted in line]
    return int(float(values[0])) if values else 0


@pytest.mark.parametrize("platform", [*REFUSALS, "xiaohongshu"])
async def test_l1_verified_but_broken_body_is_answered_as_success_and_quarantined(
    brand: SmallBrand, platform: str
) -> None:
    event = REFUSALS[platform][0] if platform in REFUSALS else "third/data"
    connection_id = brand.connections[platform]
    leads = await list_all(brand.client, "leads", "id")

    delivery = await send_hook(brand, connection_id, event=event, raw=BROKEN)

    assert delivery["outcome"] == "accepted"
    assert len(delivery["attempts"]) == 1
    (receipt,) = await _quarantined(brand, connection_id)
    assert receipt["platform"] == platform
    assert receipt["reason"]
    assert "broken" not in receipt["reason"]
    replayed = await brand.client.mutate(
        "replayReceipt", "Receipt", "id status reason", {"id": receipt["id"]}, input_type="OnOne"
    )
    assert (replayed["status"], replayed["reason"]) == ("QUARANTINED", receipt["reason"])
    assert await list_all(brand.client, "leads", "id") == leads


async def _quarantined(brand: SmallBrand, connection_id: str) -> list[dict[str, Any]]:
    receipts = await list_all(
        brand.client,
        "receipts",
        "id platform kind reason connection { id }",
        arguments=", status: QUARANTINED",
    )
    return [receipt for receipt in receipts if receipt["connection"]["id"] == connection_id]


async def test_l1_quarantined_delivery_becomes_a_lead_once_its_settings_are_right(
    brand: SmallBrand,
) -> None:
    app_secret = random_secrets.token_hex(16)
    connection_id = await connect(
        brand,
        "oceanengine",
        secrets={"app_secret": app_secret},
        settings={},
        sandbox={"app_secret": app_secret, "advertiser_ids": [7]},
    )
    delivery = await brand.client.send(
        "POST",
        f"{brand.client.urls.sandbox}/sandbox/connections/{connection_id}/leads",
        json={"name": "周女士", "phone": "19900000777", "external_id": "700777"},
    )
    assert delivery["outcome"] == "accepted"
    (receipt,) = await _quarantined(brand, connection_id)
    await brand.client.send(
        "POST",
        f"{brand.client.urls.lead}/connections/{connection_id}/change-settings",
        json={
            "settings": {
                "lead_labels": {
                    "sandbox.clue": {
                        "external_lead_id": "clue_id",
                        "name": "name",
                        "phone": "telephone",
                    }
                }
            }
        },
    )

    replayed = await brand.client.mutate(
        "replayReceipt", "Receipt", "id status reason", {"id": receipt["id"]}, input_type="OnOne"
    )

    assert (replayed["status"], replayed["reason"]) == ("REPLAYED", None)

    async def is_routed() -> bool:
        leads = await list_all(brand.client, "leads", "sourceLeadId status contact { name phone }")
        return {
            "sourceLeadId": "700777",
            "status": "OFFERED",
            "contact": {"name": "周女士", "phone": "+8619900000777"},
        } in leads

    await until("the lead goes the way of every lead", is_routed, seconds=20)
    again = await brand.client.attempt(
        "replayReceipt", "Receipt", "id", {"id": receipt["id"]}, input_type="OnOne"
    )
    assert (again["__typename"], again["code"]) == ("Conflict", "receipt_not_quarantined")


async def test_a1_a2_wrong_rows_of_an_import_are_named_and_the_rest_goes_in(
    brand: SmallBrand,
) -> None:
    good = {"unit_code": "S-E-1", "name": "吴静", "phone": "19800009999", "is_seller": "true"}
    report = await import_rows(
        brand.client,
        "staff",
        [
            {"code": "N1", **good},
            {"code": "N2", **good, "unit_code": "S-NOWHERE"},
            {"code": "N3", **good, "open_lead_capacity": "many"},
            {"code": "", **good},
            {"code": "N5", **good},
        ],
    )
    assert (report["rows_read"], report["rows_added"], report["rows_refused"]) == (5, 2, 3)
    # the heading is line 1
    assert [(problem["line"], problem["field"]) for problem in report["problems"]] == [
        (3, "unit_code"),
        (4, "open_lead_capacity"),
        (5, "code"),
    ]
    staff = {row["code"] for row in await list_all(brand.client, "staff", "code")}
    assert staff & {"N1", "N2", "N3", "N5"} == {"N1", "N5"}
    progress = await brand.client.query(
        "query($id: ID!) { importProgress(id: $id) "
        "{ rowsAdded rowsRefused problems { line field reason } } }",
        {"id": report["id"]},
    )
    assert progress["importProgress"] == {
        "rowsAdded": 2,
        "rowsRefused": 3,
        "problems": report["problems"],
    }


# verb, result type, input, path of the refusal
BROKEN_RULES: list[tuple[str, str, dict[str, Any], list[str]]] = [
    (
        "setRoutingPolicy",
        "RoutingPolicy",
        {"steps": ["AUTHOR"], "offerMinutesByGrade": dict.fromkeys("ABCD", 5), "maxOffers": 0},
        ["input", "maxOffers"],
    ),
    (
        "setIncentiveRule",
        "IncentiveRule",
        {
            "trigger": "DEAL_WON",
            "amount": 1,
            "currency": "points",
            "validFrom": "2020-01-01T00:00:00Z",
        },
        ["input", "validFrom"],
    ),
    (
        "addWebhookEndpoint",
        "WebhookEndpoint",
        {"url": "https://example.com/hook", "name": "x", "eventTypes": ["kos.nothing.*"]},
        ["input", "eventTypes", "0"],
    ),
    (
        "connectPlatform",
        "PlatformConnection",
        {"platform": "douyin", "name": "x", "secrets": {"wrong": "x"}, "settings": {}},
        ["input", "secrets"],
    ),
    (
        "createApiKey",
        "ApiKey",
        {"name": "x", "role": "SCRM", "scopes": []},
        ["input", "scopes"],
    ),
    (
        "addTemplate",
        "Template",
        {"name": "x", "body": "{{unknown}}", "slots": []},
        ["input", "body"],
    ),
]


@pytest.mark.parametrize(
    ("verb", "of_type", "command", "path"), BROKEN_RULES, ids=[rule[0] for rule in BROKEN_RULES]
)
async def test_write_that_breaks_a_rule_is_refused_by_field_and_writes_nothing(
    running: Running,
    brand: SmallBrand,
    verb: str,
    of_type: str,
    command: dict[str, Any],
    path: list[str],
) -> None:
    before = await count_rows(running, brand)
    refusal = await brand.client.attempt(verb, of_type, "__typename", command)
    assert refusal["__typename"] == "Invalid"
    assert refusal["code"]
    assert refusal["message"]
    assert refusal["path"] == path
    # nothing in any outbox either: they are among the tables
    assert await count_rows(running, brand) == before


async def test_seller_cannot_answer_for_another(running: Running, brand: SmallBrand) -> None:
    client = brand.client
    await client.send(
        "POST",
        f"{client.urls.sandbox}/sandbox/connections/{brand.connections['generic']}/leads",
        json={
            "name": "郑先生",
            "phone": "19900000888",
            "account_handle": brand.people[0].handle,
            "external_id": "mine",
        },
    )
    lead: dict[str, Any] = {}

    async def is_offered() -> bool:
        leads = await list_all(client, "leads", "id sourceLeadId status staff { code }")
        lead.update(next((each for each in leads if each["sourceLeadId"] == "mine"), {}))
        return bool(lead) and lead["status"] == "OFFERED"

    await until("the lead is offered", is_offered, seconds=20)
    assert lead["staff"]["code"] == brand.people[0].code
    await settle(running, brand)
    before = await count_rows(running, brand)
    other = brand.seller_token(brand.staff[brand.people[1].code])
    refusal = await client.attempt("acceptLead", "Lead", "id", {"id": lead["id"]}, token=other)
    assert refusal["__typename"] == "NotFound"
    assert await count_rows(running, brand) == before
    with pytest.raises(DemoFailed, match="401"):
        await client.query("{ brand { id } }", token="kos_live_nobody")
