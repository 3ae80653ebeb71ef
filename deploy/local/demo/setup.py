"""Before the first post: the brand and its people, the platforms, the rules, the subscriber."""

import asyncio
import base64
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from deploy.local.demo import brand
from deploy.local.demo.client import Client, DemoFailed

DOUYIN_KEY = "kos-demo-douyin"
WECOM_CORP = "wwkosdemo00000001"
XIAOHONGSHU_USER = "xhs-brand-demo"
SCRM_NAME = "demo"
_AT_ONCE = 16

CONNECTED = ("douyin", "oceanengine", "wecom", "xiaohongshu", "generic")


@dataclass(frozen=True, slots=True)
class Scrm:
    """The subscriber of the demo: its endpoint and the key it writes back with."""

    endpoint_id: str
    api_key: str


async def is_complete(client: Client) -> bool:
    """Whether the last step of the set-up, the subscription, was reached before."""
    return await _has_any(client, "webhookEndpoints")


async def create_brand(client: Client) -> None:
    """The brand with the three roles its sellers play, unless it is there already."""
    answer = await client.attempt(
        "createBrand",
        "Brand",
        "id",
        {"id": client.brand_id, "name": brand.BRAND_NAME, "industry": brand.INDUSTRY},
        token=client.token("platform_admin"),
    )
    if answer["__typename"] != "Brand" and answer["code"] != "brand_exists":
        raise DemoFailed(f"createBrand was refused: {answer}")
    if await _has_any(client, "personas"):
        return
    for kind, name, tone in brand.PERSONAS:
        await client.mutate(
            "addPersona", "Persona", "id", {"kind": kind.upper(), "name": name, "tone": tone}
        )


async def _has_any(client: Client, things: str) -> bool:
    data = await client.query(f"{{ {things}(first: 1) {{ edges {{ node {{ id }} }} }} }}")
    return bool(data[things]["edges"])


async def import_matrix(client: Client, people: list[brand.Seller]) -> dict[str, dict[str, Any]]:
    """The three import files, as an IT department would send them; the reports by kind."""
    files = {
        "units": brand.units(),
        "staff": brand.staff_rows(people),
        "accounts": brand.account_rows(people),
    }
    reports: dict[str, dict[str, Any]] = {}
    for kind, rows in files.items():
        report = reports[kind] = await client.send(
            "POST",
            f"{client.urls.account}/imports/{kind}",
            content=brand.to_csv(rows),
            media_type="text/csv",
        )
        if report["rows_refused"]:
            raise DemoFailed(f"rows of {kind} were refused: {report['problems'][:3]}")
    return reports


async def join_platforms(client: Client, people: list[brand.Seller]) -> None:
    """The sandbox learns of the apps and accounts; content_svc gets what it may publish with."""
    sandbox, content = client.urls.sandbox, client.urls.content
    douyin_secret, wecom_secret = secrets.token_hex(16), secrets.token_hex(16)
    await client.send(
        "PUT", f"{sandbox}/sandbox/apps/douyin/{DOUYIN_KEY}", json={"secret": douyin_secret}
    )
    await client.send(
        "PUT", f"{sandbox}/sandbox/apps/wecom/{WECOM_CORP}", json={"secret": wecom_secret}
    )
    apps = {"douyin": DOUYIN_KEY, "wecom": WECOM_CORP}
    answer = await client.send(
        "POST",
        f"{sandbox}/sandbox/accounts",
        json={
            "accounts": [
                {
                    "platform": person.platform,
                    "handle": person.handle,
                    "platform_id": person.handle,
                    "nickname": person.display_name,
                    "city": person.city,
                    "store_code": person.store_code,
                    **({"app_id": apps[person.platform]} if person.platform in apps else {}),
                }
                for person in people
            ]
        },
    )
    tokens = {
        row["handle"]: row["tokens"] for row in answer["accounts"] if row["platform"] == "douyin"
    }
    ids = await _account_ids(client)
    await client.send(
        "POST",
        f"{content}/authorizations",
        json={
            "platform": "wecom",
            "corp_id": WECOM_CORP,
            "secret": wecom_secret,
            "deliver_by": "moment",
        },
    )
    limit = asyncio.Semaphore(_AT_ONCE)

    async def authorise(handle: str, granted: dict[str, Any]) -> None:
        async with limit:
            await client.send(
                "POST",
                f"{content}/authorizations",
                json={
                    "platform": "douyin",
                    "account_id": ids[handle],
                    "client_key": DOUYIN_KEY,
                    **{
                        name: granted[name]
                        for name in (
                            "open_id",
                            "access_token",
                            "refresh_token",
                            "expires_in",
                            "refresh_expires_in",
                        )
                    },
                },
            )

    await asyncio.gather(*(authorise(handle, granted) for handle, granted in tokens.items()))
    await _connect(client, douyin_secret)


async def _account_ids(client: Client) -> dict[str, str]:
    """Account ids by handle, once content_svc's directory has them too."""
    ids: dict[str, str] = {}
    after = None
    while True:
        page = (
            await client.query(
                "query($after: String) { accounts(first: 100, after: $after) "
                "{ edges { node { id handle } } pageInfo { hasNextPage endCursor } } }",
                {"after": after},
            )
        )["accounts"]
        ids |= {edge["node"]["handle"]: edge["node"]["id"] for edge in page["edges"]}
        if not page["pageInfo"]["hasNextPage"]:
            return ids
        after = page["pageInfo"]["endCursor"]


async def _connect(client: Client, douyin_secret: str) -> None:
    """One hook connection per platform, the same secrets on both sides."""
    app_secret, aes_key = secrets.token_hex(16), _encoding_aes_key()
    wecom_token, xhs_key = secrets.token_hex(8), secrets.token_hex(16)
    signing = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    clue = {
        "external_lead_id": "clue_id",
        "name": "name",
        "phone": "telephone",
        "city": "city_name",
        "note": "remark",
        "post_url": "external_url",
        "store_code": "store.store_code",
    }
    card = {"name": "name", "phone": "telephone", "city": "city"}
    note = {
        "external_lead_id": "lead_id",
        "city": "city",
        "note": "remark",
        "post_url": "note_url",
    }
    # platform: (secrets, settings) of the product, settings of the sandbox
    sides: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
        "douyin": (
            {"client_secret": douyin_secret},
            {"client_key": DOUYIN_KEY, "lead_card_fields": card},
            {"client_key": DOUYIN_KEY, "client_secret": douyin_secret},
        ),
        "oceanengine": (
            {"app_secret": app_secret},
            {"lead_labels": {"sandbox.clue": clue}},
            {"app_secret": app_secret, "advertiser_ids": [1001]},
        ),
        "wecom": (
            {"token": wecom_token, "encoding_aes_key": aes_key},
            {"receive_ids": [WECOM_CORP]},
            {"corp_id": WECOM_CORP, "token": wecom_token, "encoding_aes_key": aes_key},
        ),
        "xiaohongshu": (
            {"key": xhs_key},
            {"lead_fields": note},
            {"app_id": "xhs-demo", "key": xhs_key, "user_id": XIAOHONGSHU_USER},
        ),
        "generic": ({"keys": [signing]}, {}, {"secret": signing}),
    }
    for platform in CONNECTED:
        product_secrets, product_settings, sandbox_settings = sides[platform]
        connection = await client.mutate(
            "connectPlatform",
            "PlatformConnection",
            "id",
            {
                "platform": platform,
                "name": f"demo {platform}",
                "secrets": product_secrets,
                "settings": product_settings,
            },
        )
        await client.send(
            "PUT",
            f"{client.urls.sandbox}/sandbox/connections/{connection['id']}",
            json={"platform": platform, "settings": sandbox_settings},
        )


def _encoding_aes_key() -> str:
    """43 letters and digits, as WeCom's console makes them (wire format of the callback)."""
    while True:
        key = base64.b64encode(secrets.token_bytes(32)).decode().rstrip("=")
        if key.isalnum():
            return key


async def set_rules(client: Client, *, offer_minutes: float) -> None:
    """What pays, and how leads are routed."""
    for rule in (
        {"trigger": "LEAD_ACCEPTED", "amount": 10, "currency": "points"},
        {"trigger": "DEAL_WON", "amount": 200, "currency": "points"},
    ):
        await client.mutate("setIncentiveRule", "IncentiveRule", "id", rule)
    await client.mutate(
        "setRoutingPolicy",
        "RoutingPolicy",
        "version",
        {
            "steps": ["AUTHOR", "STORE", "REGION", "BRAND"],
            "offerMinutesByGrade": dict.fromkeys("ABCD", offer_minutes),
            "maxOffers": 5,
        },
    )


async def subscribe_scrm(client: Client) -> Scrm:
    """An SCRM system that wants every event of leads, contacts and deals."""
    url = f"{client.urls.sandbox}/scrm/{SCRM_NAME}"
    endpoint = await client.mutate(
        "addWebhookEndpoint",
        "WebhookEndpoint",
        "id secret",
        {
            "url": url,
            "name": "演示 SCRM",
            "eventTypes": ["kos.lead.*", "kos.contact.*", "kos.deal.*"],
        },
    )
    await client.send(
        "PUT",
        f"{client.urls.sandbox}/sandbox/scrm/{SCRM_NAME}",
        json={"secrets": [endpoint["secret"]]},
    )

    return Scrm(endpoint_id=endpoint["id"], api_key=await create_scrm_key(client))


async def create_scrm_key(client: Client) -> str:
    """The key by which the SCRM system writes back."""
    key = await client.mutate(
        "createApiKey",
        "ApiKey",
        "id secret",
        {
            "name": "演示 SCRM",
            "role": "SCRM",
            "scopes": ["lead.read", "contact.*", "deal.*"],
        },
    )
    secret: str = key["secret"]
    return secret


async def launch_campaign(client: Client, code: str = "e5-round-1") -> str:
    """Head office's kit and a campaign for all sellers, launched; the campaign's id."""
    template = await client.mutate(
        "addTemplate",
        "Template",
        "id",
        {
            "name": "到店看车",
            "title": brand.TEMPLATE_TITLE,
            "body": brand.TEMPLATE_BODY,
            "tags": ["到店", "展车"],
            "slots": [_slot(slot) for slot in brand.TEMPLATE_SLOTS],
        },
    )
    asset = await client.send(
        "POST",
        f"{client.urls.content}/assets?name=showroom.mp4&kind=video&tags=展车",
        content=_sample_video(),
        media_type="video/mp4",
    )
    campaign = await client.mutate(
        "planCampaign",
        "Campaign",
        "id",
        {
            "code": code,
            "name": f"{brand.MODEL} 到店季",
            "mode": "CENTRAL_ENABLEMENT",
            "templateId": template["id"],
            "assetIds": [asset["id"]],
            "slotValues": {"model": brand.MODEL},
            # played again within the hour, its posts would wait for the earlier ones
            "postsPerAccountGapMinutes": 0,
            **_window(),
        },
    )
    campaign_id: str = campaign["id"]
    await client.mutate("launchCampaign", "Campaign", "id", {"id": campaign_id}, input_type="OnOne")
    return campaign_id


def _slot(slot: dict[str, Any]) -> dict[str, Any]:
    return {**slot, "kind": slot["kind"].upper()}


def _window() -> dict[str, str]:
    """All slots are due at once: a demo has no week to wait."""
    at = datetime.now(UTC)
    return {"startsAt": at.isoformat(), "endsAt": (at + timedelta(seconds=5)).isoformat()}


def _sample_video() -> bytes:
    """Bytes with the head of an MP4 file: the sandbox stores them, nobody plays them."""
    head = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom"
    return head + bytes(2048)
