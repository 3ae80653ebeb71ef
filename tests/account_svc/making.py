"""Data for tests: a brand of its own, units, people, accounts; and what was announced."""

from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import httpx
from sqlalchemy import select

from shared.access import Principal, Role
from shared.authentication import issue_service_token
from shared.database import Sessions, brand_session
from shared.events import Event, decode
from shared.ids import parse_typed, typed, uuid7
from shared.tables import AuditRow, OutboxRow

Json = dict[str, Any]


@dataclass(frozen=True)
class Api:
    """The service as one caller reaches it."""

    http: httpx.AsyncClient
    secret: bytes
    sessions: Sessions
    principal: Principal

    @property
    def brand_id(self) -> UUID:
        return self.principal.brand_id

    def acting(
        self,
        role: Role,
        *,
        unit_ids: tuple[str, ...] = (),
        staff_id: str | None = None,
        scopes: frozenset[str] | None = None,
    ) -> "Api":
        """The same brand under other rights."""
        principal = Principal(
            brand_id=self.brand_id,
            actor=f"test-{role}",
            roles=frozenset({role}),
            unit_ids=tuple(uuid_of(unit_id) for unit_id in unit_ids),
            staff_id=None if staff_id is None else uuid_of(staff_id),
            scopes=scopes,
        )
        return replace(self, principal=principal)

    async def request(
        self, method: str, path: str, *, key: str | None = None, **options: Any
    ) -> httpx.Response:
        headers = {"authorization": f"Bearer {issue_service_token(self.principal, self.secret)}"}
        if key is not None:
            headers["idempotency-key"] = key
        headers |= options.pop("headers", {})
        return await self.http.request(method, path, headers=headers, **options)

    async def get(self, path: str, **parameters: Any) -> Json:
        answer = await self.request("GET", path, params=parameters)
        assert answer.status_code == 200, answer.text
        return json_of(answer)

    async def post(self, path: str, body: Json | None = None, *, key: str | None = None) -> Json:
        answer = await self.request("POST", path, json=body, key=key)
        assert answer.status_code in (200, 201), answer.text
        return json_of(answer)

    async def refuse(self, path: str, body: Json | None = None) -> Json:
        """The problem that a POST is refused with; checks that nothing else changed."""
        before = await self.events(), await self.audited()
        answer = await self.request("POST", path, json=body)
        assert answer.status_code >= 400, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert (await self.events(), await self.audited()) == before
        return json_of(answer)

    async def by_ids(self, path: str, *ids: str) -> Json:
        return await self.post(f"{path}/by-ids", {"ids": list(ids)})

    async def events(self, topic: str | None = None) -> list[Event]:
        """Every fact that the brand has announced, in order."""
        return [event for event, _ in await self.events_with_versions(topic)]

    async def events_with_versions(self, topic: str | None = None) -> list[tuple[Event, int]]:
        async with brand_session(self.sessions, self.brand_id) as session:
            rows = await session.scalars(select(OutboxRow).order_by(OutboxRow.id))
            found = []
            for row in rows:
                event = decode(row.headers["ce_type"], row.payload)
                assert event is not None
                if topic in (None, event.topic):
                    found.append((event, row.version))
            return found

    async def audited(self) -> list[tuple[str, str, str]]:
        """Actor, action and subject of every audit row of the brand."""
        async with brand_session(self.sessions, self.brand_id) as session:
            rows = await session.scalars(select(AuditRow).order_by(AuditRow.sequence))
            return [(row.actor, row.action, row.subject) for row in rows]

    async def root(self) -> Json:
        page = await self.get("/units", kind="brand")
        root: Json = page["items"][0]
        return root


async def make_brand(http: httpx.AsyncClient, secret: bytes, sessions: Sessions) -> Api:
    brand_id = uuid7()
    platform = Principal(brand_id, "test-platform", frozenset({Role.PLATFORM_ADMIN}))
    admin = Principal(brand_id, "test-admin", frozenset({Role.BRAND_ADMIN}))
    body = {"id": typed("brand", brand_id), "name": "青岚茶饮", "industry": "food"}
    await Api(http, secret, sessions, platform).post("/brands", body)
    return Api(http, secret, sessions, admin)


async def make_unit(api: Api, parent: Json | None = None, **overrides: Any) -> Json:
    parent = parent or await api.root()
    body = {
        "parent_id": parent["id"],
        "kind": "store",
        "code": f"S{uuid7().hex[-8:]}",
        "name": "南京西路店",
        **overrides,
    }
    return await api.post("/units", body)


async def make_staff(api: Api, unit: Json | None = None, **overrides: Any) -> Json:
    unit = unit or await make_unit(api)
    body = {
        "unit_id": unit["id"],
        "code": f"K{uuid7().hex[-8:]}",
        "name": "陈晓",
        "phone": "13800138000",
        **overrides,
    }
    return await api.post("/staff", body)


async def make_account(api: Api, staff: Json | None = None, **overrides: Any) -> Json:
    staff = staff or await make_staff(api)
    body = {
        "platform": "xiaohongshu",
        "handle": f"xhs-{uuid7().hex[-8:]}",
        "display_name": "陈晓爱喝茶",
        "domain": "public",
        "seat": "kos",
        "unit_id": staff["unit_id"],
        "staff_id": staff["id"],
        "status": "active",
        **overrides,
    }
    return await api.post("/accounts", body)


async def make_persona(api: Api, **overrides: Any) -> Json:
    return await api.post(
        "/personas", {"kind": "shopping_assistant", "name": "茶小助", **overrides}
    )


def uuid_of(typed_id: str) -> UUID:
    return parse_typed(typed_id)[1]


def json_of(answer: httpx.Response) -> Json:
    body: Json = answer.json()
    return body
