"""The brands of a run: their people, their connections, and the canaries that betray a leak."""

import base64
import random
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx

from deploy.local.demo import setup
from deploy.local.settings import StackUrls
from tests.chaos.ledger import Ledger
from tests.e2e.small_brand import SmallBrand, open_brand

PLATFORMS = ("douyin", "wecom", "xiaohongshu")
_LETTERS = "abcdefghjkmnpqrstuvwxyz"
# surnames and syllables that no word of the product holds
_RARE = "蘅嫘荨靥蘧夔黹翦羿蠡鬻亹"
OCEANENGINE_LABEL = "chaos.clue"


@dataclass
class Canaries:
    """Strings that only one brand, or one person of it, has. All of them are in the ledger."""

    tag: str
    rng: random.Random
    public: list[str] = field(default_factory=list)
    personal: list[str] = field(default_factory=list)
    count: int = 0

    def word(self) -> str:
        """For names that colleagues of the brand may read: a campaign, a persona."""
        self.count += 1
        text = f"canary{self.tag}{self.count:05}{self._letters(4)}"
        self.public.append(text)
        return text

    def person(self) -> dict[str, str]:
        """A person nobody else is: name, phone and WeChat id may be read by no one but owners."""
        self.count += 1
        name = "".join(self.rng.choice(_RARE) for _ in range(3)) + f"{self.tag}{self.count}"
        found = {
            "name": name,
            "phone": f"199{self.rng.randrange(10**8):08}",
            "wechat": f"wx_{self.tag}_{self.count:05}_{self._letters(5)}",
        }
        self.personal += found.values()
        return found

    def _letters(self, count: int) -> str:
        return "".join(self.rng.choice(_LETTERS) for _ in range(count))


@dataclass
class ChaosBrand:
    brand: SmallBrand
    canaries: Canaries
    http: httpx.AsyncClient
    generic_id: str
    generic_secret: str
    oceanengine_id: str
    oceanengine_secret: str
    endpoint_id: str
    asset_id: str

    @property
    def tag(self) -> str:
        return self.brand.tag


@asynccontextmanager
async def open_chaos_brand(
    urls: StackUrls,
    tag: str,
    *,
    rng: random.Random,
    ledger: Ledger,
    sink_url: str,
    offer_minutes: float,
    stores_per_region: int,
) -> AsyncIterator[ChaosBrand]:
    """A brand that is ready for everything that the workload does."""
    canaries = Canaries(tag, rng)
    limits = httpx.Limits(max_connections=100, max_keepalive_connections=20)
    async with (
        open_brand(urls, tag, stores_per_region=stores_per_region, platforms=PLATFORMS) as brand,
        httpx.AsyncClient(trust_env=False, timeout=15, limits=limits) as http,
    ):
        client = brand.client
        await setup.set_rules(client, offer_minutes=offer_minutes)
        await client.mutate(
            "setRoutingPolicy",
            "RoutingPolicy",
            "version",
            {
                "steps": ["AUTHOR", "STORE", "REGION", "BRAND"],
                "offerMinutesByGrade": dict.fromkeys("ABCD", offer_minutes),
                # a lead that nobody answers comes to rest soon
                "maxOffers": 2,
            },
        )
        generic_secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
        oceanengine_secret = secrets.token_hex(16)
        generic = await client.mutate(
            "connectPlatform",
            "PlatformConnection",
            "id",
            {
                "platform": "generic",
                "name": canaries.word(),
                "secrets": {"keys": [generic_secret]},
                "settings": {},
            },
        )
        fields = {
            "external_lead_id": "clue_id",
            "name": "name",
            "phone": "telephone",
            "wechat": "weixin",
            "note": "remark",
        }
        oceanengine = await client.mutate(
            "connectPlatform",
            "PlatformConnection",
            "id",
            {
                "platform": "oceanengine",
                "name": canaries.word(),
                "secrets": {"app_secret": oceanengine_secret},
                "settings": {"lead_labels": {OCEANENGINE_LABEL: fields}},
            },
        )
        endpoint = await client.mutate(
            "addWebhookEndpoint",
            "WebhookEndpoint",
            "id secret",
            {
                "url": f"{sink_url}/in/{tag}",
                "name": canaries.word(),
                "eventTypes": ["kos.lead.*", "kos.contact.*", "kos.deal.*"],
            },
        )
        asset = await client.send(
            "POST",
            f"{urls.content}/assets?name=showroom.mp4&kind=video",
            content=b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom" + bytes(2048),
            media_type="video/mp4",
        )
        ledger.note(
            "brand",
            tag,
            brand_id=client.brand_id,
            connections={**brand.connections, "own": generic["id"], "clues": oceanengine["id"]},
            endpoint_id=endpoint["id"],
            endpoint_secret=endpoint["secret"],
            sink=tag,
            offer_minutes=offer_minutes,
            staff_names=[person.name for person in brand.people],
            staff_phones=[person.phone for person in brand.people],
        )
        yield ChaosBrand(
            brand=brand,
            canaries=canaries,
            http=http,
            generic_id=generic["id"],
            generic_secret=generic_secret,
            oceanengine_id=oceanengine["id"],
            oceanengine_secret=oceanengine_secret,
            endpoint_id=endpoint["id"],
            asset_id=asset["id"],
        )
