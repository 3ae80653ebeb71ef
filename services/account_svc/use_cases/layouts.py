"""A brand's own layouts, and what is done about accounts that nobody registered."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from account_svc.errors import AlreadyReported, HandleTaken, LayoutBuiltIn, UnknownUnit
from account_svc.layout import built_in_layouts
from account_svc.models import (
    AccountFacts,
    Domain,
    Layout,
    LayoutFacts,
    OffRosterAccount,
    OffRosterStatus,
    Seat,
)
from account_svc.repository import layouts as repository
from account_svc.repository import org
from account_svc.repository.constraints import refusing
from account_svc.use_cases.accounts import register_account
from shared import audit
from shared.access import Principal
from shared.clock import now
from shared.events.account import AccountStatus, Platform
from shared.ids import typed, uuid7


async def set_layout(session: AsyncSession, principal: Principal, facts: LayoutFacts) -> Layout:
    """A new version of the brand's layout of this name."""
    if facts.name in built_in_layouts():
        raise LayoutBuiltIn("every brand has a layout of this name", field="/name")
    await repository.lock_layouts(session, principal.brand_id)
    version = await repository.last_version(session, principal.brand_id, facts.name) + 1
    layout = Layout(
        id=uuid7(),
        brand_id=principal.brand_id,
        name=facts.name,
        version=version,
        definition=facts.model_dump(mode="json", exclude={"name"}),
        created_at=now(),
    )
    session.add(layout)
    audit.record(
        session,
        actor=principal.actor,
        action="layout.set",
        subject=typed("layout", layout.id),
        version=version,
    )
    return layout


async def report_off_roster(
    session: AsyncSession,
    principal: Principal,
    *,
    platform: Platform,
    handle: str,
    unit_id: UUID | None,
    note: str | None,
) -> OffRosterAccount:
    """Write down an account that poses as the brand's; one that is registered is none."""
    brand_id = principal.brand_id
    if unit_id is not None:
        if await org.find_unit(session, brand_id, principal.extent, unit_id) is None:
            raise UnknownUnit("no such unit", field="/unit_id")
    elif principal.extent.unit_ids is not None:
        raise UnknownUnit("name the unit of yours that it says it sells for", field="/unit_id")
    if await repository.is_registered(session, brand_id, platform, handle):
        raise HandleTaken("the account is registered", field="/handle")
    known = AlreadyReported("the account was reported before", field="/handle")
    if await repository.is_reported(session, brand_id, platform, handle):
        raise known
    found = OffRosterAccount(
        id=uuid7(),
        brand_id=brand_id,
        platform=platform,
        handle=handle,
        unit_id=unit_id,
        note=note,
        status=OffRosterStatus.REPORTED,
        reported_at=now(),
    )
    async with refusing(session, "uq_off_roster_account_brand_id_platform_handle", known):
        session.add(found)
    _note(session, principal, "off_roster.report", found)
    return found


async def adopt_off_roster(
    session: AsyncSession,
    principal: Principal,
    off_roster_id: UUID,
    *,
    display_name: str,
    domain: Domain,
    seat: Seat,
    unit_id: UUID,
    staff_id: UUID | None,
) -> OffRosterAccount:
    """Make it a registered account, pending until it is activated."""
    found = await repository.get_off_roster_for_update(
        session, principal.brand_id, principal.extent, off_roster_id
    )
    found.decide(OffRosterStatus.ADOPTED, reason=None, at=now())
    account = await register_account(
        session,
        principal,
        AccountFacts(
            platform=found.platform,
            handle=found.handle,
            display_name=display_name,
            domain=domain,
            seat=seat,
        ),
        unit_id=unit_id,
        staff_id=staff_id,
        persona_id=None,
        status=AccountStatus.PENDING,
    )
    found.account_id = account.id
    _note(session, principal, "off_roster.adopt", found, account=typed("acct", account.id))
    return found


async def reject_off_roster(
    session: AsyncSession, principal: Principal, off_roster_id: UUID, *, reason: str
) -> OffRosterAccount:
    """It is none of the brand's; who runs it is told so by people."""
    found = await repository.get_off_roster_for_update(
        session, principal.brand_id, principal.extent, off_roster_id
    )
    found.decide(OffRosterStatus.REJECTED, reason=reason, at=now())
    _note(session, principal, "off_roster.reject", found)
    return found


def _note(
    session: AsyncSession,
    principal: Principal,
    action: str,
    found: OffRosterAccount,
    **details: str,
) -> None:
    audit.record(
        session,
        actor=principal.actor,
        action=action,
        subject=typed("offroster", found.id),
        **details,
    )
