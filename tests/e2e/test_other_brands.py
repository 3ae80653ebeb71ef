"""An id of another brand: as if it did not exist, wherever it is used.

Every answer about a resource of another brand is compared with the answer about an id that nobody
ever had: they are the same, word for word.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from deploy.local.demo import setup
from deploy.local.demo.catching_up import wait_until_caught_up
from deploy.local.demo.client import Client, DemoFailed, until
from shared.ids import typed, uuid7
from tests.e2e.small_brand import SmallBrand, list_all, open_brand
from tests.e2e.stack import Running
from tests.e2e.topics import read_topics

# the first of them may also wait for the stack
pytestmark = pytest.mark.timeout(240)

SOON = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
# not kos.post: figures of published posts keep coming in
QUIET_TOPICS = ("kos.org", "kos.staff", "kos.account", "kos.lead", "kos.contact", "kos.deal")


@dataclass
class Foreign:
    """One resource of each kind of another brand, by the prefix of its id."""

    brand: SmallBrand
    ids: dict[str, str]

    async def look(self) -> dict[str, Any]:
        """Everything as its owner sees it."""
        client = self.brand.client
        found: dict[str, Any] = {}
        for name, fields in {
            "units": "id version parent { id }",
            "staff": "id version status",
            "accounts": "id version status staff { id } persona { id }",
            "personas": "id name",
            "campaigns": "id status name",
            "drafts": "id version status text",
            "leads": "id version status staff { id }",
            "contacts": "id version stage phone",
            "deals": "id version status",
            "connections": "id status",
            "receipts": "id status",
            "webhookEndpoints": "id status",
            "apiKeys": "id revokedAt",
            "templates": "id version",
        }.items():
            found[name] = await list_all(client, name, fields)
        found["posts"] = await list_all(client, "posts", "id status url")
        return found


@pytest.fixture(scope="module")
async def ours(running: Running) -> AsyncIterator[SmallBrand]:
    async with open_brand(running.urls, "ours") as brand:
        yield brand


@pytest.fixture(scope="module")
async def foreign(running: Running) -> AsyncIterator[Foreign]:
    """A brand with everything: a campaign, a post, a lead that became a deal, a subscriber."""
    async with open_brand(running.urls, "theirs") as brand:
        yield Foreign(brand, await _live_a_little(brand))


async def _live_a_little(brand: SmallBrand) -> dict[str, str]:
    client = brand.client
    await setup.set_rules(client, offer_minutes=30)
    async with brand.apart():
        subscriber = await setup.subscribe_scrm(client)
        campaign_id = await setup.launch_campaign(client)

    async def are_published() -> bool:
        posts = await list_all(client, "posts", "id", arguments=", status: PUBLISHED")
        return len(posts) == len(brand.people)

    await until("the posts are out", are_published)
    await client.send(
        "POST",
        f"{client.urls.sandbox}/sandbox/connections/{brand.connections['generic']}/leads",
        json={
            "name": "孙先生",
            "phone": "19900000999",
            "account_handle": brand.people[0].handle,
            "external_id": "theirs-1",
        },
    )

    async def is_offered() -> bool:
        return bool(await list_all(client, "leads", "id", arguments=", status: OFFERED"))

    await until("the lead is offered", is_offered, seconds=20)
    (lead,) = await list_all(
        client, "leads", "id contact { id } staff { id } offer { id } unit { id }"
    )
    await client.mutate(
        "acceptLead",
        "Lead",
        "id",
        {"id": lead["id"]},
        token=brand.seller_token(lead["staff"]["id"]),
    )
    deal = await client.mutate("winDeal", "Deal", "id", {"leadId": lead["id"], "amountMinor": 100})

    async def first(name: str) -> str:
        found: str = (await list_all(client, name, "id"))[0]["id"]
        return found

    await wait_until_caught_up(client.urls.kafka_bootstrap)
    return {
        "unit": lead["unit"]["id"],
        "staff": lead["staff"]["id"],
        "acct": await first("accounts"),
        "persona": await first("personas"),
        "tmpl": await first("templates"),
        "asset": await first("assets"),
        "camp": campaign_id,
        "draft": await first("drafts"),
        "post": await first("posts"),
        "lead": lead["id"],
        "contact": lead["contact"]["id"],
        "offer": lead["offer"]["id"],
        "deal": deal["id"],
        "conn": brand.connections["generic"],
        "rcpt": await first("receipts"),
        "endpoint": subscriber.endpoint_id,
        "key": await first("apiKeys"),
    }


QUERIES = {
    "unit": "unit",
    "staff": "staffMember",
    "acct": "account",
    "camp": "campaign",
    "post": "post",
    "lead": "lead",
    "contact": "contact",
    "deal": "deal",
    "conn": "connection",
}


async def test_g2_queries_by_id_find_nothing(ours: SmallBrand, foreign: Foreign) -> None:
    for prefix, name in QUERIES.items():
        document = f"query($id: ID!) {{ {name}(id: $id) {{ id }} }}"
        variables = {"id": foreign.ids[prefix]}
        assert await ours.client.query(document, variables) == {name: None}
        assert (await foreign.brand.client.query(document, variables))[name] == variables


async def test_g2_node_and_nodes_find_nothing(ours: SmallBrand, foreign: Foreign) -> None:
    ids = list(foreign.ids.values())
    document = "query($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    assert await ours.client.query(document, {"ids": ids}) == {"nodes": [None] * len(ids)}
    for each in ids:
        found = await ours.client.query("query($id: ID!) { node(id: $id) { id } }", {"id": each})
        assert found == {"node": None}


FILTERS = {
    "leads": {"unitId": "unit", "staffId": "staff", "campaignId": "camp", "postId": "post"},
    "posts": {"unitId": "unit", "accountId": "acct", "campaignId": "camp"},
    "drafts": {"campaignId": "camp"},
    "deals": {"unitId": "unit", "staffId": "staff", "campaignId": "camp"},
    "offers": {"staffId": "staff"},
    "accounts": {"unitId": "unit", "staffId": "staff"},
    "staff": {"unitId": "unit"},
    "units": {"parentId": "unit"},
    "ledger": {"unitId": "unit", "staffId": "staff"},
    "webhookDeliveries": {"endpointId": "endpoint"},
}


async def test_g2_filters_by_a_foreign_id_list_nothing(ours: SmallBrand, foreign: Foreign) -> None:
    for name, arguments in FILTERS.items():
        for argument, prefix in arguments.items():
            asked = f', {argument}: "{foreign.ids[prefix]}"'
            assert await list_all(ours.client, name, "id", arguments=asked) == [], (name, argument)
    funnel = await ours.client.query(
        "query($id: ID!) { funnel(campaignId: $id) "
        "{ campaign { id } content { posts views } leads { captured deals amountMinor } } }",
        {"id": foreign.ids["camp"]},
    )
    assert funnel["funnel"] == {
        "campaign": None,
        "content": {"posts": 0, "views": 0},
        "leads": {"captured": 0, "deals": 0, "amountMinor": 0},
    }


# verb, its input type when it is a common one, the prefix of `id`, what else it needs
ON_ONE: list[tuple[str, str | None, str, dict[str, Any]]] = [
    ("markStaffAbsent", None, "staff", {"reason": "x", "fromAt": SOON}),
    ("returnStaff", "OnOne", "staff", {}),
    ("departStaff", "OnOneWithReason", "staff", {"reason": "x"}),
    ("activateAccount", None, "acct", {"reason": "x"}),
    ("restrictAccount", "OnOneWithReason", "acct", {"reason": "x"}),
    ("suspendAccount", "OnOneWithReason", "acct", {"reason": "x"}),
    ("retireAccount", "OnOneWithReason", "acct", {"reason": "x"}),
    ("launchCampaign", "OnOne", "camp", {}),
    ("pauseCampaign", "OnOne", "camp", {}),
    ("resumeCampaign", "OnOne", "camp", {}),
    ("stopCampaign", "OnOneWithReason", "camp", {"reason": "x"}),
    ("reviseDraft", None, "draft", {"text": "x"}),
    ("approveDraft", "OnOne", "draft", {}),
    ("scheduleDraft", None, "draft", {"dueAt": SOON}),
    ("confirmHandoff", None, "post", {"url": "https://www.xiaohongshu.com/explore/1"}),
    ("withdrawPost", "OnOneWithReason", "post", {"reason": "x"}),
    ("acceptLead", None, "lead", {}),
    ("declineLead", None, "lead", {"reason": "x"}),
    ("voidLead", "OnOneWithReason", "lead", {"reason": "x"}),
    ("moveContactStage", None, "contact", {"stage": "ADVICE"}),
    ("eraseContact", "OnOne", "contact", {}),
    ("voidDeal", "OnOneWithReason", "deal", {"reason": "x"}),
    (
        "rotateConnectionSecrets",
        "RotateSecretsInput",
        "conn",
        {"secrets": {"keys": ["whsec_AAAA"]}},
    ),
    ("disableConnection", "OnOne", "conn", {}),
    ("replayReceipt", "OnOne", "rcpt", {}),
    ("rotateWebhookSecret", "OnOne", "endpoint", {}),
    ("enableWebhookEndpoint", "OnOne", "endpoint", {}),
    ("disableWebhookEndpoint", "OnOneWithReason", "endpoint", {"reason": "x"}),
    ("replayWebhooks", None, "endpoint", {"since": "2026-01-01T00:00:00Z"}),
    ("revokeApiKey", "OnOne", "key", {}),
]
# verb, the argument that names a foreign resource, its prefix, what else it needs;
# {unit}, {staff}, {acct} stand for our own
NAMED: list[tuple[str, str, str, dict[str, Any]]] = [
    ("addUnit", "parentId", "unit", {"kind": "STORE", "code": "S-X", "name": "x"}),
    ("moveUnit", "id", "unit", {"parentId": "{unit}"}),
    ("moveUnit", "parentId", "unit", {"id": "{unit}"}),
    ("addStaff", "unitId", "unit", {"code": "X1", "name": "x"}),
    ("transferStaff", "id", "staff", {"unitId": "{unit}"}),
    ("transferStaff", "unitId", "unit", {"id": "{staff}"}),
    (
        "registerAccount",
        "unitId",
        "unit",
        {"platform": "DOUYIN", "handle": "x1", "domain": "PUBLIC", "seat": "KOS"},
    ),
    (
        "registerAccount",
        "staffId",
        "staff",
        {
            "platform": "DOUYIN",
            "handle": "x2",
            "domain": "PUBLIC",
            "seat": "KOS",
            "unitId": "{unit}",
        },
    ),
    ("handOverAccount", "id", "acct", {"reason": "x", "staffId": "{staff}"}),
    ("handOverAccount", "staffId", "staff", {"id": "{acct}", "reason": "x"}),
    ("pairAccount", "id", "acct", {"personaId": "{persona}"}),
    ("pairAccount", "personaId", "persona", {"id": "{acct}"}),
    (
        "planCampaign",
        "templateId",
        "tmpl",
        {
            "code": "x",
            "name": "x",
            "mode": "CENTRAL_ENABLEMENT",
            "startsAt": SOON,
            "endsAt": (datetime.now(UTC) + timedelta(hours=2)).isoformat(),
        },
    ),
    ("writeDraft", "accountId", "acct", {"text": "x"}),
    ("writeDraft", "campaignId", "camp", {"accountId": "{acct}", "text": "x"}),
    ("winDeal", "leadId", "lead", {"amountMinor": 100}),
    ("acceptLead", "staffId", "staff", {"id": "{lead}"}),
]


async def test_g2_mutations_on_a_foreign_id_answer_as_for_one_that_never_was(
    ours: SmallBrand, foreign: Foreign
) -> None:
    before = await foreign.look()
    announced = await _count_announced(foreign)
    own = await _own_ids(ours)
    cases = [(verb, kind, "id", prefix, more) for verb, kind, prefix, more in ON_ONE]
    cases += [(verb, None, name, prefix, more) for verb, name, prefix, more in NAMED]
    for verb, kind, name, prefix, more in cases:
        command = {
            key: own[value[1:-1]] if isinstance(value, str) and value.startswith("{") else value
            for key, value in more.items()
        }
        answers = [
            await _answer(ours.client, verb, kind, {**command, name: each})
            for each in (foreign.ids[prefix], _never_was(foreign.ids[prefix]))
        ]
        assert answers[0] == answers[1], (verb, name)
        assert answers[0]["__typename"] in ("NotFound", "Invalid"), (verb, name, answers[0])
    assert await foreign.look() == before
    await wait_until_caught_up(ours.client.urls.kafka_bootstrap)
    assert await _count_announced(foreign) == announced


def _never_was(like: str) -> str:
    return typed(like.partition("_")[0], uuid7())


async def _answer(
    client: Client, verb: str, kind: str | None, command: dict[str, Any]
) -> dict[str, Any]:
    input_type = kind or f"{verb[0].upper()}{verb[1:]}Input"
    data = await client.query(
        f"mutation($input: {input_type}!) {{ {verb}(input: $input) "
        "{ __typename ... on Problem { code message path } } }",
        {"input": command},
    )
    answer: dict[str, Any] = data[verb]
    return answer


async def _own_ids(ours: SmallBrand) -> dict[str, str]:
    """Resources of our own for the other half of a command."""
    client = ours.client
    await client.send(
        "POST",
        f"{client.urls.sandbox}/sandbox/connections/{ours.connections['generic']}/leads",
        json={"name": "钱女士", "phone": "19900000998", "external_id": "ours-1"},
    )

    async def is_offered() -> bool:
        return bool(await list_all(client, "leads", "id", arguments=", status: OFFERED"))

    await until("our lead is offered", is_offered, seconds=20)
    found = {
        "unit": "units",
        "staff": "staff",
        "acct": "accounts",
        "persona": "personas",
        "lead": "leads",
    }
    return {key: (await list_all(client, name, "id"))[0]["id"] for key, name in found.items()}


async def _count_announced(foreign: Foreign) -> int:
    client = foreign.brand.client
    return len(
        await read_topics(client.urls.kafka_bootstrap, QUIET_TOPICS, brand_id=client.brand_id)
    )


BY_IDS = {
    "account": {"units": "unit", "staff": "staff", "accounts": "acct", "personas": "persona"},
    "content": {
        "campaigns": "camp",
        "drafts": "draft",
        "posts": "post",
        "templates": "tmpl",
        "assets": "asset",
    },
    "lead": {
        "leads": "lead",
        "contacts": "contact",
        "offers": "offer",
        "deals": "deal",
        "connections": "conn",
        "webhook-endpoints": "endpoint",
    },
}


async def test_g2_services_answer_the_same_without_the_gateway(
    ours: SmallBrand, foreign: Foreign
) -> None:
    urls = ours.client.urls
    for service, paths in BY_IDS.items():
        for path, prefix in paths.items():
            answer = await ours.client.send(
                "POST",
                f"{getattr(urls, service)}/{path}/by-ids",
                json={"ids": [foreign.ids[prefix]]},
            )
            assert answer == {"items": [], "missing": [foreign.ids[prefix]]}, path
    for path in (
        f"{urls.lead}/leads/{foreign.ids['lead']}/decisions",
        f"{urls.lead}/contacts/{foreign.ids['contact']}/touchpoints",
        f"{urls.account}/accounts/{foreign.ids['acct']}/history",
        f"{urls.content}/assets/{foreign.ids['asset']}/content",
    ):
        with pytest.raises(DemoFailed, match="404"):
            await ours.client.send("GET", path)
