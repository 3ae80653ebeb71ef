"""The brands of a run: their people, their connections, and the canaries that betray a leak."""

import base64
import random
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx

from deploy.local.demo import brand as demo_brand
from deploy.local.demo import setup
from deploy.local.demo.brand import Seller
from deploy.local.demo.client import Client
from deploy.local.settings import StackUrls
from tests.chaos.ledger import Ledger
from tests.e2e.small_brand import SmallBrand, import_rows, list_all, open_brand

PLATFORMS = ("douyin", "wecom", "xiaohongshu")
CAMPAIGN_TARGET = {"platforms": [platform.upper() for platform in PLATFORMS]}
"""An account of each person; not the private ones beside them."""
_LETTERS = "abcdefghjkmnpqrstuvwxyz"
# surnames and syllables that no word of the product holds
_RARE = "蘅嫘荨靥蘧夔黹翦羿蠡鬻亹"
OCEANENGINE_LABEL = "chaos.clue"
RIGHT_ANSWERS = [[1], [0]]


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


@dataclass(frozen=True)
class Pair:
    """A seller's two accounts, which pass their check at first."""

    seller: Seller
    public_id: str
    private_id: str


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
    course_id: str
    pairs: dict[str, Pair]
    """By the id of the seller."""

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
        course_id = await _set_training(client)
        pairs = await _pair_accounts(brand)
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
            course_id=course_id,
            pairs=pairs,
        )


async def _set_training(client: Client) -> str:
    """What pays for customers who are led on, and a course that gives a right; its id."""
    for trigger, amount in (("TRANSFER_STAGE_1", 20), ("TRANSFER_STAGE_2", 50)):
        rule = {"trigger": trigger, "amount": amount, "currency": "points"}
        await client.mutate("setIncentiveRule", "IncentiveRule", "id", rule)
    course = await client.mutate(
        "addCourse",
        "Course",
        "id",
        {
            "code": "LIVE",
            "name": "直播",
            "validityDays": 30,
            "passPercent": 100,
            "attemptsAllowed": 20,
            "questions": [
                {"text": "可以承诺收益吗", "options": ["可以", "不可以"], "rightOptions": [1]},
                {"text": "员工身份要写明吗", "options": ["要", "不要"], "rightOptions": [0]},
            ],
        },
    )
    needs = {"right": "LIVE", "courseIds": [course["id"]]}
    await client.mutate("requireCourses", "RightRequirement", "version", needs)
    course_id: str = course["id"]
    return course_id


async def _pair_accounts(brand: SmallBrand) -> dict[str, Pair]:
    """Gives every seller with a public account a private one that looks the same."""
    client = brand.client
    sellers = [person for person in brand.people if person.platform != "wecom"]
    private = [
        row | {"platform": "wechat", "domain": "private", "handle": f"{row['handle']}_private"}
        for row in demo_brand.account_rows(sellers)
    ]
    # whose they are has to be known before they can be handed over
    owned = {"ownership": "brand_made", "ownership_reference": "入职协议"}
    rows = [row | owned for row in (*demo_brand.account_rows(sellers), *private)]
    report = await import_rows(client, "accounts", rows)
    assert (report["rows_added"], report["rows_refused"]) == (len(private), 0), report
    accounts = await list_all(client, "accounts", "id handle staff { id }")
    ids = {account["handle"]: account for account in accounts}
    pairs = {}
    for seller in sellers:
        public, private_one = ids[seller.handle], ids[f"{seller.handle}_private"]
        pairs[public["staff"]["id"]] = Pair(seller, public["id"], private_one["id"])
        for account in (public, private_one):
            seen = {"id": account["id"], **look_of(seller)}
            await client.mutate("observeAccount", "AccountProfile", "name", seen)
    return pairs


def look_of(seller: Seller) -> dict[str, str]:
    """How an account of the seller's looks that keeps to its persona."""
    name = next(name for kind, name, _ in demo_brand.PERSONAS if kind == seller.persona_kind)
    return {"name": name, "bio": f"{seller.store}的{name}", "store": seller.store}
