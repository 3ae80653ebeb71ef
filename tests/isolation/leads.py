"""The part of a planted brand's life with its leads, from the hook to a paid deal."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

from standardwebhooks import Webhook

from shared.access import Role
from shared.clock import now
from shared.envelope import Envelope
from shared.ids import uuid7
from tests.isolation.brand import Store
from tests.isolation.hand import Hand
from tests.isolation.words import with_plain

Json = dict[str, Any]


class Leads(Hand):
    """From the connection to a deal, and an event that waits."""

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
