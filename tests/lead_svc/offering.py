"""Steps of the tests about offers: answers to them, and what the rows then say."""

from typing import Any
from uuid import UUID

from shared.access import Role
from shared.ids import typed
from tests.lead_svc.conftest import Brand

PHONE = "13812348000"


async def offer_of(brand: Brand, lead_id: UUID) -> dict[str, Any]:
    """The newest offer of the lead."""
    rows = await brand.rows(
        "select * from offer where lead_id = :lead order by attempt desc limit 1", lead=lead_id
    )
    return rows[0]


async def run_out(brand: Brand, offer_id: UUID) -> None:
    """Move the deadline into the past, as time would."""
    await brand.execute(
        "update offer set expires_at = now() - interval '1 second' where id = :id", id=offer_id
    )


async def loads(brand: Brand) -> dict[UUID, int]:
    return {row["id"]: row["open_load"] for row in await brand.rows("select * from seller")}


async def counted_loads(brand: Brand) -> dict[UUID, int]:
    """The same, counted from the offers and leads themselves."""
    rows = await brand.rows(
        """select id,
            (select count(*) from offer where staff_id = seller.id and status = 'open')
            + (select count(*) from lead where staff_id = seller.id and status = 'accepted'
                and closed_at is null) as load
        from seller"""
    )
    return {row["id"]: row["load"] for row in rows}


async def accept(brand: Brand, lead_id: UUID, staff_id: UUID) -> Any:
    return await brand.post(
        f"/leads/{typed('lead', lead_id)}/accept", role=Role.KOS, staff_id=staff_id
    )


async def decline(brand: Brand, lead_id: UUID, staff_id: UUID) -> Any:
    return await brand.post(
        f"/leads/{typed('lead', lead_id)}/decline",
        {"reason": "今天休息"},
        role=Role.KOS,
        staff_id=staff_id,
    )


async def void(brand: Brand, lead_id: UUID) -> Any:
    return await brand.post(f"/leads/{typed('lead', lead_id)}/void", {"reason": "测试线索"})
