"""Steps of the tests about communities: one of a store, and what is done in it."""

from typing import Any
from uuid import UUID

import httpx

from shared.access import Role
from shared.events.lead import CommunityActivityRecorded, CommunityEvent
from shared.ids import parse_id, typed
from tests.lead_svc.conftest import Brand, Store

Json = dict[str, Any]


async def try_to_register(
    brand: Brand, store: Store, *, by: Any = None, **overrides: Any
) -> httpx.Response:
    body = {
        "unit_id": typed("unit", store.id),
        "name": "宝妈群",
        "platform": "wecom",
        "platform_group_id": "wrOgQhDgAA",
        "host_staff_id": typed("staff", store.seller),
        **overrides,
    }
    return await brand.post("/communities", body, **(by or {}))


async def register(brand: Brand, store: Store, **overrides: Any) -> Json:
    answer = await try_to_register(brand, store, **overrides)
    assert answer.status_code == 201, answer.text
    community: Json = answer.json()
    return community


async def change(
    brand: Brand, community: Json, *, by: Any = None, **overrides: Any
) -> httpx.Response:
    """All that is not overridden stays."""
    names = ("name", "account_id", "host_staff_id", "deputy_staff_id")
    body = {name: community[name] for name in names} | overrides
    return await brand.post(f"/communities/{community['id']}/change", body, **(by or {}))


async def close(brand: Brand, community: Json, **caller: Any) -> httpx.Response:
    return await brand.post(f"/communities/{community['id']}/close", {}, **caller)


async def try_to_record(
    brand: Brand, community: Json, *, by: Any = None, **told: Any
) -> httpx.Response:
    """Something that the host did, unless `told` says otherwise."""
    body = {
        "community_id": community["id"],
        "kind": "topic_posted",
        "staff_id": community["host_staff_id"],
        **told,
    }
    return await brand.post("/community-activities", body, **(by or {}))


async def record(brand: Brand, community: Json, **told: Any) -> Json:
    answer = await try_to_record(brand, community, **told)
    assert answer.status_code == 201, answer.text
    activity: Json = answer.json()
    return activity


async def void(brand: Brand, activity: Json, **caller: Any) -> httpx.Response:
    body = {"reason": "同一件事记了两次"}
    return await brand.post(f"/community-activities/{activity['id']}/void", body, **caller)


async def told_of(brand: Brand) -> list[str]:
    """The types of what was announced of communities, in order, without what all have."""
    return [
        event.type.removeprefix("kos.community.").removesuffix(".v1")
        for event in await brand.announced(CommunityEvent)
    ]


async def recorded(brand: Brand) -> list[CommunityActivityRecorded]:
    return await brand.announced(CommunityActivityRecorded)


async def listed(brand: Brand, path: str, **caller: Any) -> list[str]:
    """The ids of a page."""
    return [str(item["id"]) for item in (await brand.get(path, **caller))["items"]]


def seller(staff_id: UUID) -> Json:
    return {"role": Role.KOS, "staff_id": staff_id}


def manager(unit_id: UUID, role: Role = Role.STORE_MANAGER) -> Json:
    return {"role": role, "unit_ids": (unit_id,)}


def refusal(answer: httpx.Response) -> tuple[int, str, str | None]:
    found = answer.json()
    return answer.status_code, found["code"], found.get("field")


def id_of(prefix: str, item: Json) -> UUID:
    return parse_id(prefix, item["id"])
