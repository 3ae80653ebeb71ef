"""What happens to brands and their trees."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from account_svc.errors import BrandExists, BrandIsTheRoot, UnitCodeTaken, UnknownUnit
from account_svc.models import Brand, Unit, UnitFacts
from account_svc.repository import org as repository
from account_svc.repository.constraints import refusing
from shared import audit, outbox
from shared.access import Principal
from shared.clock import now
from shared.database import enter_brand
from shared.events.account import UnitAdded, UnitKind, UnitMoved
from shared.ids import typed, uuid7

ROOT_CODE = "brand"


async def create_brand(
    session: AsyncSession, principal: Principal, *, brand_id: UUID | None, name: str, industry: str
) -> Brand:
    """A new brand with the root of its tree. The audit row is in the caller's brand."""
    brand = Brand(id=brand_id or uuid7(), name=name, industry=industry, created_at=now())
    root_id = uuid7()
    root = Unit(
        id=root_id,
        brand_id=brand.id,
        path=root_id.bytes,
        kind=UnitKind.BRAND,
        code=ROOT_CODE,
        name=name,
    )
    await enter_brand(session, brand.id)
    async with refusing(session, "pk_brand", BrandExists("the brand exists already", field="/id")):
        session.add(brand)
        session.add(root)
        outbox.add(session, root, UnitAdded(**root.facts()))
    await enter_brand(session, principal.brand_id)
    audit.record(
        session,
        actor=principal.actor,
        action="brand.create",
        subject=typed("brand", brand.id),
    )
    return brand


async def add_unit(
    session: AsyncSession, principal: Principal, parent_id: UUID, facts: UnitFacts
) -> Unit:
    if facts.kind is UnitKind.BRAND:
        raise BrandIsTheRoot("the root of the tree, and no other unit, is the brand", field="/kind")
    await repository.lock_tree(session, principal.brand_id)
    parent = await _parent(session, principal, parent_id)
    unit = Unit(id=uuid7(), brand_id=principal.brand_id, path=b"", **facts.model_dump())
    unit.hang_under(parent)
    taken = UnitCodeTaken(
        "another unit has this code, upper and lower case being the same", field="/code"
    )
    async with refusing(session, ("uq_unit_brand_id_code", "uq_unit_folded_code"), taken):
        session.add(unit)
        outbox.add(session, unit, UnitAdded(**unit.facts()))
    audit.record(session, actor=principal.actor, action="unit.add", subject=typed("unit", unit.id))
    return unit


async def move_unit(
    session: AsyncSession, principal: Principal, unit_id: UUID, parent_id: UUID
) -> Unit:
    """Hang the unit and all below it under another parent; both are in the caller's extent."""
    await repository.lock_tree(session, principal.brand_id)
    unit = await repository.get_unit_for_update(
        session, principal.brand_id, principal.extent, unit_id
    )
    parent = await _parent(session, principal, parent_id)
    if unit.parent_id == parent.id:
        return unit
    old_path = unit.path
    unit.hang_under(parent, levels_below=await repository.levels_below(session, unit))
    outbox.add(session, unit, UnitMoved(unit_id=unit.id, ancestor_ids=unit.ancestor_ids))
    await repository.move_subtree(session, principal.brand_id, old_path, unit.path)
    audit.record(
        session,
        actor=principal.actor,
        action="unit.move",
        subject=typed("unit", unit.id),
        parent=typed("unit", parent.id),
    )
    return unit


async def _parent(session: AsyncSession, principal: Principal, parent_id: UUID) -> Unit:
    parent = await repository.find_unit(session, principal.brand_id, principal.extent, parent_id)
    if parent is None:
        raise UnknownUnit("no such unit", field="/parent_id")
    return parent
