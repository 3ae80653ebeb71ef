"""The part of a planted brand's life with its library, a campaign and its posts."""

import json
from datetime import timedelta
from typing import Any

from shared.clock import now
from tests.isolation.brand import Store, uuid_of
from tests.isolation.hand import Hand
from tests.isolation.world import DISPATCH, PLAN

Json = dict[str, Any]


class Posts(Hand):
    """From the template to what is published."""

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
