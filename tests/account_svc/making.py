"""Data for tests: a brand of its own, units, people, accounts; and what was announced."""

from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import httpx

from shared.access import Principal, Role
from shared.database import Sessions
from shared.ids import typed, uuid7
from tests.caller import Caller, Json, uuid_of


@dataclass(frozen=True)
class Api(Caller):
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

    async def by_ids(self, path: str, *ids: str) -> Json:
        return await self.post(f"{path}/by-ids", {"ids": list(ids)})

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
