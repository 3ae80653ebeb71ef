"""Two brands that have everything: every kind of resource, a canary in every text.

A canary is made of small letters alone, so that it fits wherever a text is taken.
"""

import base64
import json
import random
import re
import string
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
from standardwebhooks import Webhook

from account_svc.models import Skill, period_of
from account_svc.use_cases.lift import PLACE, tier_timers
from deploy.local.databases import SERVICES, Service
from shared.access import Principal, Role
from shared.clock import now
from shared.envelope import Envelope
from shared.ids import typed, uuid7
from shared.timers import Due
from tests.isolation.brand import KINDS, Brand, Store, uuid_of
from tests.isolation.judging import judge
from tests.isolation.words import with_plain
from tests.isolation.world import DISPATCH, PLAN, World

Json = dict[str, Any]

UUIDS = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


async def plant(world: World, seed: str) -> Brand:
    """A brand that went through all of its life: from the org tree to a paid deal."""
    chance = random.Random(seed)
    canary = "zq" + "".join(chance.choices(string.ascii_lowercase, k=14))
    planter = Planter(world, Brand(uuid7(), canary), chance)
    await planter.organize()
    await planter.publish()
    await planter.sell()
    await judge(planter)
    await planter.park()
    return await planter.finish()


@dataclass
class Planter:
    world: World
    brand: Brand
    chance: random.Random
    made: dict[str, Json] = field(default_factory=dict)

    async def post(
        self,
        service: Service,
        path: str,
        body: Any = None,
        *,
        by: Principal | None = None,
        method: str = "POST",
        **options: Any,
    ) -> Json:
        answer = await self.world.send(
            service, by or self.brand.admin, method, path, json=body, **options
        )
        assert answer.status_code in (200, 201), (path, answer.status_code, answer.text)
        found = answer.json()
        assert isinstance(found, dict)
        return found

    def text(self, word: str) -> str:
        return f"{self.brand.canary}-{word}"

    def phone(self) -> str:
        return "1390" + "".join(self.chance.choices(string.digits, k=7))

    async def organize(self) -> None:
        brand, canary = self.brand, self.brand.canary
        platform = brand.acting(Role.PLATFORM_ADMIN)
        facts = {"id": brand.typed_id, "name": canary, "industry": canary}
        await self.post("account", "/brands", facts, by=platform)
        units = await self.world.send("account", brand.admin, "GET", "/units")
        root = units.json()["items"][0]["id"]
        persona = await self.post(
            "account",
            "/personas",
            {
                "kind": "shopping_assistant",
                "name": canary,
                "bio": canary,
                "tone": canary,
                "taboo_words": [canary],
                "interests": [canary],
                "name_pattern": canary,
            },
        )
        for rule in (
            {
                "trigger": "lead_accepted",
                "formula": f"0 if grade == '{canary}' else 10",
                "currency": "points",
            },
            {
                "trigger": "deal_won",
                "formula": f"0 if currency == '{canary}' else amount // 100",
                "currency": "CNY",
            },
        ):
            await self.post("account", "/incentive-rules", rule)
        for told in (
            {"fact": "posts_per_day", "number": 3},
            {"fact": "lead_in_means", "words": [canary]},
        ):
            policy = {"platform": "xiaohongshu", "source": canary, **told}
            await self.post("account", "/policies", policy)
        league = {"leagues": [{"code": canary, "name": canary}]}
        await self.post("account", "/race-policy", league, method="PUT")
        seats = [
            {
                "seat": "kos",
                "per": "store",
                "count": 3,
                "platforms": ["xiaohongshu"],
                "label": canary,
            }
        ]
        await self.post("account", "/layouts", {"name": canary, "public": seats})
        brand.east = await self.open_store(root, persona["id"], "east")
        brand.west = await self.open_store(root, persona["id"], "west")
        await self.train(brand.east.staff, brand.west.staff)
        for staff in (brand.east.staff, brand.west.staff):
            seen = {"staff_id": staff, "scores": {"tools": 60, "content": 50}}
            await self.post("account", "/skill-assessments", seen)
            aim = {"period": period_of(now()), "metric": "leads_accepted"}
            aimed = {**aim, "goals": [{"staff_id": staff, "target": 5}]}
            await self.post("account", "/goals/of-staff", aimed)
        wanted = {"persona_id": persona["id"], "scores": dict.fromkeys(Skill, 70)}
        await self.post("account", "/wanted-profiles", wanted)
        await self.lift(brand.east.staff, brand.west.staff)
        for store in (brand.east, brand.west):
            await self.befriend(store)
        leaver = await self.hire(brand.west.unit, "leaver")
        await self.post("account", f"/staff/{leaver}/depart", {"reason": canary})
        asked: Json = {"name": canary, "role": "scrm", "scopes": [canary]}
        key = await with_plain("secret", lambda: self.post("account", "/api-keys", asked))
        brand.words |= {"api_key": key["secret"], "api_key_prefix": key["prefix"]}
        rows = f"code,parent_code,kind,name\n{canary}-i,{self.text('region-east')},store,{canary}\n"
        await self.post(
            "account",
            "/imports/units",
            headers={"content-type": "text/csv"},
            content=rows + f"{canary}-bad,{canary}-none,store,{canary}\n",
        )
        await self.post(
            "account",
            "/personas",
            {"kind": "topic_expert", "name": canary},
            headers={"idempotency-key": canary},
        )
        await self.world.settle(brand.id)

    async def train(self, *staff: str) -> None:
        """Each has begun one exam and passed another, and a right needs either."""
        canary = self.brand.canary
        question = {"text": canary, "options": [canary, self.text("no")], "right_options": [0]}
        begun, passed = [
            await self.post(
                "account",
                "/courses",
                {
                    "code": self.text(word),
                    "name": canary,
                    "lessons": [{"title": canary, "body": canary}],
                    "questions": [question],
                    "validity_days": 365,
                },
            )
            for word in ("begun", "passed")
        ]
        for right, course in (("free_posting", begun), ("live", passed)):
            needs = {"right": right, "course_ids": [course["id"]]}
            await self.post("account", "/rights", needs)
        for course in (begun, passed):
            for each in staff:
                path = f"/courses/{course['id']}/start-attempt"
                attempt = await self.post("account", path, {"staff_id": each})
                if course is passed:
                    path = f"/exam-attempts/{attempt['id']}/submit"
                    await self.post("account", path, {"answers": [[0]]})

    async def befriend(self, store: Store) -> None:
        """A person outside with an account of their own, who has bought."""
        word = self.text(store.word)
        person = self.text(f"person-{store.word}")
        facts = {"unit_id": store.unit, "name": person, "phone": self.phone()}
        found = await self.post("account", "/advocates", facts)
        path = f"/advocates/{found['id']}"
        bought = {"kind": "bought", "happened_on": "2026-03-01", "proof": word}
        for _ in range(2):
            told = await self.post("account", f"{path}/record", bought)
        wrong = {"relation_id": told["relation_id"], "reason": word}
        await self.post("account", f"{path}/withdraw", wrong)
        for number in (1, 2):
            account = {
                "platform": "bilibili",
                "handle": f"{word}-{number}",
                "display_name": word,
                "domain": "public",
                "seat": "koc",
                "unit_id": store.unit,
            }
            outside = await self.post("account", "/accounts", account)
        await self.post("account", f"{path}/link-account", {"account_id": outside["id"]})

    async def lift(self, *staff: str) -> None:
        """Each is placed and has a task for the skill with the largest gap."""
        courses = await self.world.send("account", self.brand.admin, "GET", "/courses")
        course = courses.json()["items"][0]["id"]
        for skill in ("tools", "content"):
            trained = {"skill": skill, "course_id": course}
            await self.post("account", "/skill-courses", trained)
        await self.post("account", "/tiers/place", {"least_group": 2})
        due = Due(self.brand.id, PLACE, self.brand.id, now(), attempt=0)
        await tier_timers(self.world.sessions["account"])[PLACE](due)
        for each in staff:
            task = {"staff_id": each, "due_at": (now() + timedelta(days=7)).isoformat()}
            await self.post("account", "/lift-tasks", task)

    async def open_store(self, root: str, persona: str, word: str) -> Store:
        canary = self.brand.canary
        region = await self.post(
            "account",
            "/units",
            {
                "parent_id": root,
                "kind": "region",
                "code": self.text(f"region-{word}"),
                "name": self.text(f"region-{word}"),
            },
        )
        unit = await self.post(
            "account",
            "/units",
            {
                "parent_id": region["id"],
                "kind": "store",
                "code": self.text(word),
                "name": self.text(word),
                "city": self.text(word),
                "city_code": canary,
            },
        )
        phone = self.phone()
        staff = await self.hire(unit["id"], word, phone=phone)
        accounts = []
        for platform in ("xiaohongshu", "douyin"):
            account = await self.post(
                "account",
                "/accounts",
                {
                    "platform": platform,
                    "handle": self.text(f"{word}-{platform}"),
                    "platform_id": self.text(f"{word}-id"),
                    "display_name": self.text(word),
                    "domain": "public",
                    "seat": "kos",
                    "unit_id": unit["id"],
                    "staff_id": staff,
                    "persona_id": persona,
                    "status": "pending",
                },
            )
            await self.post(
                "account", f"/accounts/{account['id']}/activate", {"reason": self.text(word)}
            )
            accounts.append(account["id"])
        bound = {"platform_status": "xiaohongshu_staff_binding", "reference": self.text(word)}
        await self.post("account", f"/accounts/{accounts[0]}/note-platform-status", bound)
        await self.leave(unit["id"], staff, word)
        mate = await self.hire(unit["id"], f"mate-{word}", is_seller=False)
        off_roster = {
            "platform": "kuaishou",
            "handle": self.text(word),
            "unit_id": unit["id"],
            "note": self.text(word),
        }
        await self.post("account", "/off-roster-accounts", off_roster)
        turned_down = {**off_roster, "handle": self.text(f"{word}-rejected")}
        found = await self.post("account", "/off-roster-accounts", turned_down)
        path = f"/off-roster-accounts/{found['id']}/reject"
        await self.post("account", path, {"reason": self.text(word)})
        return Store(word, region["id"], unit["id"], staff, accounts, phone, self.phone(), mate)

    async def leave(self, unit: str, taker: str, word: str) -> None:
        """Somebody of the store goes, and the seller takes their account."""
        leaver = await self.hire(unit, f"gone-{word}", is_seller=False)
        left = await self.post(
            "account",
            "/accounts",
            {
                "platform": "weibo",
                "handle": self.text(f"gone-{word}"),
                "display_name": self.text(word),
                "domain": "public",
                "seat": "kos",
                "unit_id": unit,
                "staff_id": leaver,
                "status": "active",
            },
        )
        owned = {"ownership": "brand_made", "reference": self.text(word)}
        await self.post("account", f"/accounts/{left['id']}/state-ownership", owned)
        plan = {"staff_id": leaver, "taker_ids": [taker]}
        await self.post("account", "/handovers", plan)

    async def hire(
        self, unit: str, word: str, *, phone: str | None = None, is_seller: bool = True
    ) -> str:
        canary = self.brand.canary
        staff = await self.post(
            "account",
            "/staff",
            {
                "unit_id": unit,
                "code": self.text(f"staff-{word}"),
                "name": self.text(f"person-{word}"),
                "phone": phone or self.phone(),
                "skills": [canary],
                "product_lines": [canary],
                "languages": [canary],
                "tier": canary,
                "open_lead_capacity": 100,
                "is_seller": is_seller,
            },
        )
        return str(staff["id"])

    async def publish(self) -> None:
        brand, canary = self.brand, self.brand.canary
        await self.post(
            "content",
            "/content-policy",
            {
                "industry": canary,
                "never_words": {f"{canary}never": "review"},
                "competitor_words": [f"{canary}rival"],
                "evidence": [canary],
            },
            method="PUT",
        )
        asset = await self.post(
            "content",
            "/assets",
            params={"name": canary, "kind": "image", "tags": canary},
            headers={"content-type": "image/png"},
            content=b"\x89PNG\r\n\x1a\n" + canary.encode(),
        )
        template = await self.post(
            "content",
            "/templates",
            {
                "name": canary,
                "title": canary,
                "body": f"{canary} 来{{{{store}}}}看看,{{{{word}}}}",
                "stage": canary,
                "tags": [canary],
                "slots": [
                    {"name": "store", "kind": "store"},
                    {"name": "word", "kind": "text", "default": canary, "choices": [canary]},
                ],
            },
        )
        campaign = await self.post(
            "content",
            "/campaigns",
            {
                "code": canary,
                "name": canary,
                "mode": "distributed_creation",
                "template_id": template["id"],
                "asset_ids": [asset["id"]],
                "target": {"platforms": ["xiaohongshu"]},
                "slot_values": {"word": canary},
                "starts_at": (now() - timedelta(minutes=2)).isoformat(),
                "ends_at": (now() - timedelta(minutes=1)).isoformat(),
                "posts_per_account_gap_minutes": 0,
            },
        )
        await self.post("content", f"/campaigns/{campaign['id']}/launch")
        for timer in (PLAN, DISPATCH):
            await self.world.run_timer(timer, brand.id, uuid_of(campaign["id"]))
        for store in (brand.east, brand.west):
            await self.publish_by_hand(campaign["id"], store)
            await self.post(
                "content",
                "/drafts",
                {
                    "account_id": store.accounts[1],
                    "campaign_id": campaign["id"],
                    "title": self.text(store.word),
                    "text": f"{self.text(store.word)} 今天到店",
                },
            )
        await self.post(
            "content",
            "/authorizations",
            {
                "platform": "douyin",
                "account_id": brand.east.accounts[1],
                "client_key": canary,
                "open_id": canary,
                "access_token": canary,
                "refresh_token": canary,
                "expires_in": 3600,
                "refresh_expires_in": 3600,
            },
        )
        await self.world.settle(brand.id)

    async def publish_by_hand(self, campaign: str, store: Store) -> None:
        """The seller shows the post on a page of the platform; its figures are reported."""
        page = await self.world.send(
            "content", self.brand.admin, "GET", "/posts", params={"unit_id": store.unit}
        )
        (post,) = [item for item in page.json()["items"] if item["account_id"] == store.accounts[0]]
        path = f"/note/{self.text(store.word)}"
        note = {
            "note_id": self.text(store.word),
            "author": {"handle": self.text(f"{store.word}-xiaohongshu")},
            "title": post["handoff"]["title"],
            "text": post["handoff"]["text"],
        }
        shown = json.dumps(note, ensure_ascii=False)
        self.world.pages[path] = (
            f'<script type="application/json" id="note">{shown}</script>'.encode()
        )
        url = f"http://127.0.0.1:{self.world.site.pages_port}{path}"
        await self.post("content", f"/posts/{post['id']}/confirm-handoff", {"url": url})
        figures = {"post_id": post["id"], "measured_at": now().isoformat(), "views": 100}
        await self.post("content", "/posts/metrics", {"items": [figures]})
        self.brand.words[f"post_url_{store.word}"] = url

    async def sell(self) -> None:
        brand, canary = self.brand, self.brand.canary
        await self.post(
            "lead",
            "/routing-policy",
            {
                "steps": ["author", "store"],
                "offer_minutes_by_grade": dict.fromkeys("ABCD", 60),
                "max_offers": 3,
            },
            method="PUT",
        )
        for word in ("on", "off"):
            endpoint = await self.post(
                "lead",
                "/webhook-endpoints",
                {
                    "url": f"https://{canary}.example.com/{word}",
                    "name": self.text(word),
                    "event_types": ["kos.*"],
                },
            )
        path = f"/webhook-endpoints/{endpoint['id']}/disable"
        await self.post("lead", path, {"reason": canary})
        secret = base64.b64encode(self.chance.randbytes(32)).decode()
        facts = {"platform": "generic", "name": canary, "secrets": {"keys": [f"whsec_{secret}"]}}
        connection = await with_plain("hook_path", lambda: self.post("lead", "/connections", facts))
        brand.words["hook_path"] = connection["hook_path"]
        for store in (brand.east, brand.west):
            await self.receive(connection, secret, store)
        await self.receive_nonsense(connection, secret)
        await self.world.settle(brand.id)
        for store in (brand.east, brand.west):
            await self.win(store)
        await self.world.settle(brand.id)

    async def receive(self, connection: Json, secret: str, store: Store) -> None:
        """A lead by hook, and two that the store's seller types in."""
        word = self.text(store.word)
        data = {
            "name": self.text(f"lead-{store.word}"),
            "phone": store.lead_phone,
            "wechat": word,
            "email": f"{word}@example.com",
            "city": word,
            "product": word,
            "note": word,
            "store_code": word,
            "account_handle": self.text(f"{store.word}-xiaohongshu"),
            "post_url": self.brand.words[f"post_url_{store.word}"],
            "campaign": self.brand.canary,
            "keyword": word,
            "channel_code": word,
            "consent": {
                "purpose": word,
                "notice_version": word,
                "at": now().isoformat(),
            },
        }
        body = {
            "type": "lead.created",
            "timestamp": now().isoformat(),
            "data": {"lead_id": f"hook-{word}", **data},
        }
        await self.push(connection, secret, json.dumps(body, ensure_ascii=False))
        for number in (1, 2):
            told = {"lead_id": f"api-{word}-{number}", **data, "phone": self.phone()}
            seller = self.brand.acting(Role.KOS, store=store)
            await self.post("lead", "/leads", told, by=seller)

    async def receive_nonsense(self, connection: Json, secret: str) -> None:
        """Signed well, but no lead: it lies in quarantine and says why."""
        await self.push(connection, secret, f'{{"type": "lead.created", "{self.brand.canary}": 1}}')

    async def push(self, connection: Json, secret: str, body: str) -> None:
        message, at = f"{self.brand.canary}-{uuid7()}", datetime.now(UTC)
        answer = await self.world.http["lead"].post(
            connection["hook_path"],
            content=body.encode(),
            headers={
                "content-type": "application/json",
                "webhook-id": message,
                "webhook-timestamp": str(int(at.timestamp())),
                "webhook-signature": Webhook(f"whsec_{secret}").sign(message, at, body),
            },
        )
        assert answer.is_success, answer.text

    async def win(self, store: Store) -> None:
        """The seller takes a lead of the store to a deal, declines one and lets one wait."""
        seller = self.brand.acting(Role.KOS, store=store)
        page = await self.world.send("lead", seller, "GET", "/leads", params={"status": "offered"})
        declined, taken, waiting = (item["id"] for item in page.json()["items"])
        self.brand.offered[store.word] = waiting
        reason = {"reason": self.text(store.word)}
        await self.post("lead", f"/leads/{declined}/decline", reason, by=seller)
        await self.post("lead", f"/leads/{taken}/accept", {}, by=seller)
        for amount in (300_00, 100_00, 200_00):
            won = {"lead_id": taken, "amount_minor": amount}
            deal = await self.post("lead", "/deals", won, by=seller)
        await self.post("lead", f"/deals/{deal['id']}/void", reason)

    async def park(self) -> None:
        """In every service an event that waits for the one before it."""
        for consumer in self.world.consumers:
            service, inbox = consumer.service, consumer.inbox
            if inbox.consumer != f"{service}_svc":
                continue
            key, event_id = f"{self.brand.canary}-{service}", uuid7()
            envelope = Envelope(
                event_id=event_id,
                key=key,
                topic="kos.lead",
                version=7,
                brand_id=self.brand.id,
                type="kos.lead.captured.v1",
                occurred_at=now(),
                traceparent=None,
                headers={"ce_type": "kos.lead.captured.v1"},
                payload=b"{}",
            )
            await inbox.take([envelope])
            self.brand.parked[service] = (str(event_id), inbox.consumer)

    async def finish(self) -> Brand:
        brand = self.brand
        for prefix, (service, table) in KINDS.items():
            async with self.world.database(service) as connection:
                rows = await connection.fetch(
                    f"select id from {table} where brand_id = $1 order by id", brand.id
                )
            # the brand's own connection for leads by API comes last: its id is no UUIDv7
            found = sorted((row["id"] for row in rows), key=lambda value: value.version != 7)
            brand.ids[prefix] = [typed(prefix, value) for value in found]
            assert brand.ids[prefix], f"the brand has no {prefix}"
        brand.words |= {
            "code": self.text("east"),
            "handle": self.text("east-xiaohongshu"),
            "platform_id": self.text("east-id"),
            "campaign_code": brand.canary,
            "lead_id": f"hook-{self.text('east')}",
            "staff_phone": brand.east.phone,
            "lead_phone": brand.east.lead_phone,
            "name": brand.canary,
        }
        for store in (brand.east, brand.west):
            brand.at[store.word] = await self.things_of(store)
        brand.needles = frozenset(await uuids_of(self.world, brand.id))
        return brand

    async def things_of(self, store: Store) -> dict[str, list[str]]:
        found = {
            "unit": [store.unit],
            "staff": [store.staff, store.mate],
            "acct": store.accounts,
        }
        unit, account = uuid_of(store.unit), [uuid_of(each) for each in store.accounts]
        places: tuple[tuple[Service, str, str, str], ...] = (
            ("account", "entry", "ledger_entry", "unit_id = $1"),
            ("account", "review", "review", "unit_id = $1"),
            ("account", "appeal", "appeal", "unit_id = $1"),
            ("account", "attempt", "exam_attempt", f"staff_id in ({_SELLERS})"),
            ("account", "cert", "certificate", f"staff_id in ({_SELLERS})"),
            ("account", "offroster", "off_roster_account", "unit_id = $1"),
            ("account", "assess", "skill_assessment", f"staff_id in ({_SELLERS})"),
            ("account", "advocate", "advocate", "unit_id = $1"),
            ("account", "relation", "advocate_relation", f"advocate_id in ({_ADVOCATES})"),
            ("account", "lift", "lift_task", f"staff_id in ({_SELLERS})"),
            ("account", "handover", "handover", f"staff_id in ({_SELLERS})"),
            ("account", "hitem", "handover_item", f"handover_id in ({_HANDOVERS})"),
            ("account", "goal", "goal", f"staff_id in ({_SELLERS})"),
            ("content", "post", "post", "unit_id = $1"),
            ("content", "draft", "draft", "account_id = any($2)"),
            # the one that became a deal comes first
            ("lead", "lead", "deal", "unit_id = $1"),
            ("lead", "lead", "lead", "unit_id = $1"),
            ("lead", "offer", "offer", "unit_id = $1"),
            ("lead", "deal", "deal", "unit_id = $1"),
            ("lead", "contact", "lead", "unit_id = $1"),
        )
        for service, prefix, table, condition in places:
            column = f"{prefix}_id" if (prefix, table) in _NAMED_BY else "id"
            async with self.world.database(service) as connection:
                rows = await connection.fetch(
                    f"select {column} as id from {table} "
                    f"where {condition} and ($1::uuid is not null and $2::uuid[] is not null) "
                    "order by 1",
                    unit,
                    account,
                )
            ids = [*found.get(prefix, []), *(typed(prefix, row["id"]) for row in rows)]
            assert ids, (store.word, prefix)
            found[prefix] = list(dict.fromkeys(ids))
        return found


_SELLERS = "select id from staff where unit_id = $1"
_ADVOCATES = "select id from advocate where unit_id = $1"
_HANDOVERS = f"select id from handover where staff_id in ({_SELLERS})"
_NAMED_BY = {("lead", "deal"), ("contact", "lead")}


async def uuids_of(world: World, brand_id: UUID) -> set[str]:
    """Every UUID in any row of the brand, in both ways of writing one."""
    found: set[UUID] = set()
    for service in SERVICES:
        async with world.database(service) as connection:
            for table in await tables_of(connection):
                rows = await connection.fetch(
                    f"select to_jsonb(t)::text as row from {table} t where brand_id = $1", brand_id
                )
                for row in rows:
                    found |= {UUID(text) for text in UUIDS.findall(row["row"])}
    return {text for value in found for text in (str(value), typed("x", value)[2:])}


async def tables_of(connection: asyncpg.Connection) -> list[str]:
    """The tables of a service that have rows of brands."""
    rows = await connection.fetch(
        "select c.relname from pg_class c join pg_attribute a on a.attrelid = c.oid "
        "where c.relkind in ('r', 'p') and not c.relispartition and a.attname = 'brand_id' "
        "and c.relnamespace = 'public'::regnamespace order by 1"
    )
    return [row["relname"] for row in rows]
