"""Data for tests: a brand's directory as its events tell it, campaigns, and what was announced."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
from sqlalchemy import select, text

from content_svc.consumers import HANDLERS
from content_svc.use_cases import campaigns, planning
from shared.access import Principal, Role
from shared.clock import now
from shared.database import Sessions, brand_session
from shared.events import Event, Received
from shared.events.account import (
    AccountRegistered,
    AccountStatus,
    Platform,
    StaffJoined,
    UnitAdded,
    UnitKind,
)
from shared.ids import typed, uuid7
from shared.tables import TimerRow
from shared.timers import Due
from tests.caller import Caller, Json, json_of, uuid_of

BODY = "来{{city}}的{{store}}看新车,[[{{seller}}带你试驾]],周末有茶点。"
SLOTS = [
    {"name": "city", "kind": "city"},
    {"name": "store", "kind": "store"},
    {"name": "seller", "kind": "seller"},
]


@dataclass(frozen=True)
class Brand(Caller):
    """One brand and its caller, with the units that its events made known."""

    root: UUID = field(default_factory=uuid7)
    region: UUID = field(default_factory=uuid7)
    store: UUID = field(default_factory=uuid7)
    other_store: UUID = field(default_factory=uuid7)

    @property
    def id(self) -> UUID:
        return self.principal.brand_id

    def acting(
        self,
        role: Role,
        *,
        unit_ids: tuple[UUID, ...] = (),
        staff_id: UUID | None = None,
    ) -> "Brand":
        """The same brand under other rights."""
        principal = Principal(
            brand_id=self.id,
            actor=f"test-{role}",
            roles=frozenset({role}),
            unit_ids=unit_ids,
            staff_id=staff_id,
        )
        return replace(self, principal=principal)

    async def tell(self, *events: Event, version: int = 1) -> None:
        """Deliver facts of other services to the consumers."""
        for event in events:
            received = Received(
                event=event,
                event_id=uuid7(),
                brand_id=self.id,
                version=version,
                occurred_at=now(),
            )
            async with brand_session(self.sessions, self.id) as session:
                await HANDLERS[type(event)](session, received)

    async def timers(self) -> dict[tuple[str, UUID], datetime]:
        async with brand_session(self.sessions, self.id) as session:
            rows = await session.scalars(select(TimerRow).where(TimerRow.brand_id == self.id))
            return {(row.kind, row.subject_id): row.due_at for row in rows}

    async def sql(self, statement: str, **parameters: Any) -> list[Any]:
        async with brand_session(self.sessions, self.id) as session:
            return list(await session.execute(text(statement), {"b": self.id, **parameters}))

    def due(self, kind: str, subject_id: UUID) -> Due:
        return Due(self.id, kind, subject_id, now(), 0)


async def make_brand(http: httpx.AsyncClient, secret: bytes, sessions: Sessions) -> Brand:
    principal = Principal(brand_id=uuid7(), actor="test-admin", roles=frozenset({Role.BRAND_ADMIN}))
    brand = Brand(http, secret, sessions, principal)
    await brand.tell(
        unit(UnitKind.BRAND, [brand.root], name="总部"),
        unit(UnitKind.REGION, [brand.root, brand.region], name="华东", city="上海"),
        unit(UnitKind.STORE, [brand.root, brand.region, brand.store], name="徐汇店"),
        unit(UnitKind.STORE, [brand.root, brand.other_store], name="天河店", city="广州"),
    )
    return brand


def unit(
    kind: UnitKind, ancestor_ids: list[UUID], *, name: str, city: str | None = None
) -> UnitAdded:
    return UnitAdded(
        unit_id=ancestor_ids[-1],
        kind=kind,
        code=str(ancestor_ids[-1])[-6:],
        name=name,
        ancestor_ids=ancestor_ids,
        city=city,
    )


async def make_account(
    brand: Brand,
    platform: Platform = Platform.XIAOHONGSHU,
    *,
    unit_id: UUID | None = None,
    handle: str | None = None,
    status: AccountStatus = AccountStatus.ACTIVE,
    **facts: Any,
) -> AccountRegistered:
    """An account with a seller of its own, as its registration tells it."""
    account_id, staff_id = uuid7(), uuid7()
    account = AccountRegistered(
        account_id=account_id,
        platform=platform,
        handle=handle or f"seller-{account_id.hex[-8:]}",
        domain="public",
        seat="kos",
        unit_id=unit_id or brand.store,
        staff_id=staff_id,
        status=status,
        **facts,
    )
    joined = StaffJoined(
        staff_id=staff_id, unit_id=account.unit_id, is_seller=True, open_lead_capacity=10
    )
    await brand.tell(joined, account)
    return account


async def make_template(brand: Brand, **overrides: Any) -> Json:
    body = {"name": "试驾", "title": "周末试驾", "body": BODY, "slots": SLOTS} | overrides
    return await brand.post("/templates", body)


async def make_video(brand: Brand, content: bytes = b"not really a film") -> str:
    answer = await brand.request(
        "POST",
        "/assets",
        params={"name": "film", "kind": "video"},
        content=content,
        headers={"content-type": "video/mp4"},
    )
    assert answer.status_code == 201, answer.text
    return str(json_of(answer)["id"])


async def make_campaign(
    brand: Brand,
    *,
    template: Mapping[str, Any] | None = None,
    launched: bool = False,
    **overrides: Any,
) -> Json:
    """A campaign whose whole window has passed, so that all its posts are due."""
    template = template or await make_template(brand)
    body: Json = {
        "code": f"c-{uuid7().hex[-12:]}",
        "name": "新车上市",
        "mode": "central_enablement",
        "template_id": template["id"],
        "starts_at": (now() - timedelta(minutes=2)).isoformat(),
        "ends_at": (now() - timedelta(minutes=1)).isoformat(),
        "posts_per_account_gap_minutes": 0,
    }
    campaign = await brand.post("/campaigns", body | overrides)
    if launched:
        campaign = await brand.post(f"/campaigns/{campaign['id']}/launch")
    return campaign


async def plan(brand: Brand, campaign: Mapping[str, Any]) -> None:
    """Do the worker's planning of a launched campaign."""
    campaign_id = uuid_of(campaign["id"])
    planner = planning.Planner(brand.sessions)
    # on a busy machine it gives way before it is done, to be due again at once
    while await planner.plan(brand.due(campaigns.PLAN, campaign_id)) is not None:
        pass


async def get_campaign(brand: Brand, campaign: Mapping[str, Any]) -> Json:
    found = await brand.post("/campaigns/by-ids", {"ids": [campaign["id"]]})
    item = found["items"][0]
    assert isinstance(item, dict)
    return item


async def list_posts(brand: Brand, campaign: Mapping[str, Any]) -> Sequence[Json]:
    found = await brand.get("/posts", campaign_id=campaign["id"], first=100)
    items: list[Json] = found["items"]
    return items


async def list_drafts(brand: Brand, campaign: Mapping[str, Any]) -> Sequence[Json]:
    found = await brand.get("/drafts", campaign_id=campaign["id"], first=100)
    items: list[Json] = found["items"]
    return items


def account_id(account: AccountRegistered) -> str:
    return typed("acct", account.account_id)
