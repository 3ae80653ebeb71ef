"""Communities: groups of customers that somebody of the brand looks after, and the facts of what
its people do there. Of members nothing is kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from lead_svc.errors import (
    AccountClosed,
    AccountElsewhere,
    AccountNotKnown,
    CauseDiffers,
    CommunityIsClosed,
    HostIsDeputy,
    StaffDeparted,
    StaffNotKnown,
    StaffNotNamed,
    StaffNotOfCommunity,
    TimeNotPlausible,
    UnitNotKnown,
)
from lead_svc.models import (
    ActivityStatus,
    Community,
    CommunityActivity,
    CommunityStatus,
    Seller,
)
from lead_svc.repository import communities as repository
from lead_svc.repository import directory
from shared import audit, outbox
from shared.access import Principal
from shared.events.account import AccountStatus, Platform
from shared.events.lead import (
    CommunityActivityKind,
    CommunityActivityRecorded,
    CommunityActivityVoided,
    CommunityChanged,
    CommunityClosed,
    CommunityRegistered,
    CommunityRole,
)
from shared.ids import typed, uuid7

_CLOSED = (AccountStatus.SUSPENDED, AccountStatus.RETIRED)
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_SKEW = timedelta(minutes=1)
"""Clocks of senders may be this far ahead."""


@dataclass(frozen=True, slots=True)
class Care:
    """What may change of a community: its name, where it lives, who looks after it."""

    name: str
    account_id: UUID | None
    host_staff_id: UUID
    deputy_staff_id: UUID | None


@dataclass(frozen=True, slots=True)
class Deed:
    """What somebody did in a community; `external_id` is the sender's own id of its cause."""

    kind: CommunityActivityKind
    staff_id: UUID | None
    at: datetime | None
    external_id: str | None


async def register(
    session: AsyncSession,
    principal: Principal,
    *,
    unit_id: UUID,
    platform: Platform,
    platform_group_id: str,
    care: Care,
    at: datetime,
) -> Community:
    brand_id = principal.brand_id
    if not await repository.has_unit(session, brand_id, unit_id, principal.extent):
        raise UnitNotKnown("no such unit", field="/unit_id")
    await _require_host(session, principal, unit_id, care.host_staff_id)
    await _require_deputy(session, principal, care)
    await _require_account(session, principal, platform, care.account_id)
    community = Community(
        brand_id=brand_id,
        id=uuid7(),
        version=0,
        unit_id=unit_id,
        name=care.name,
        platform=platform,
        platform_group_id=platform_group_id,
        account_id=care.account_id,
        host_staff_id=care.host_staff_id,
        deputy_staff_id=care.deputy_staff_id,
        status=CommunityStatus.OPEN,
        registered_at=at,
        closed_at=None,
    )
    await repository.add(session, community)
    outbox.add(session, community, CommunityRegistered(**_facts(community)))
    _audit(session, principal.actor, "community.register", community)
    return community


async def change(
    session: AsyncSession, principal: Principal, community_id: UUID, care: Care
) -> Community:
    """This is how it is from now on; what it was already is not asked about again."""
    brand_id = principal.brand_id
    community = await repository.get_for_update(session, brand_id, community_id, principal.extent)
    community.require_open()
    if care.host_staff_id != community.host_staff_id:
        await _require_host(session, principal, community.unit_id, care.host_staff_id)
    if care.deputy_staff_id != community.deputy_staff_id:
        await _require_deputy(session, principal, care)
    else:
        _require_two(care)
    if care.account_id != community.account_id:
        await _require_account(session, principal, community.platform, care.account_id)
    before = (
        community.name,
        community.account_id,
        community.host_staff_id,
        community.deputy_staff_id,
    )
    if before == (care.name, care.account_id, care.host_staff_id, care.deputy_staff_id):
        return community
    community.name = care.name
    community.account_id = care.account_id
    community.host_staff_id = care.host_staff_id
    community.deputy_staff_id = care.deputy_staff_id
    outbox.add(session, community, CommunityChanged(**_facts(community)))
    _audit(session, principal.actor, "community.change", community)
    return community


async def close(
    session: AsyncSession, principal: Principal, community_id: UUID, *, at: datetime
) -> Community:
    community = await repository.get_for_update(
        session, principal.brand_id, community_id, principal.extent
    )
    community.close(at)
    outbox.add(session, community, CommunityClosed(community_id=community.id, closed_at=at))
    _audit(session, principal.actor, "community.close", community)
    return community


async def hand_over(
    session: AsyncSession,
    brand_id: UUID,
    staff_id: UUID,
    takers: Sequence[Seller],
    *,
    actor: str,
) -> None:
    """Let others look after what this person looks after: the first taker of a community's unit or
    below, else its deputy. Where there is neither it keeps its host until somebody names another.
    """
    for community in await repository.looked_after_by(session, brand_id, staff_id):
        before = community.host_staff_id, community.deputy_staff_id
        if community.deputy_staff_id == staff_id:
            community.deputy_staff_id = None
        if community.host_staff_id == staff_id:
            heir = await _first_below(session, takers, community.unit_id)
            community.host_staff_id = heir or community.deputy_staff_id or staff_id
        if community.deputy_staff_id == community.host_staff_id:
            community.deputy_staff_id = None
        if (community.host_staff_id, community.deputy_staff_id) != before:
            outbox.add(session, community, CommunityChanged(**_facts(community)))
            _audit(session, actor, "community.hand_over", community)


async def _first_below(
    session: AsyncSession, takers: Sequence[Seller], unit_id: UUID
) -> UUID | None:
    for taker in takers:
        if await repository.is_below(session, taker.brand_id, taker.unit_id, unit_id):
            return taker.id
    return None


async def record(
    session: AsyncSession, principal: Principal, community_id: UUID, deed: Deed, *, at: datetime
) -> CommunityActivity:
    """Note what somebody did, once for its cause: the same fact again is the same activity, also
    when it was voided since."""
    brand_id = principal.brand_id
    community = await repository.get_for_update(
        session, brand_id, community_id, principal.extent, field="/community_id"
    )
    staff_id = _who(principal, deed)
    if deed.external_id is not None:
        # The community is locked, so that nobody else records the same meanwhile.
        known = await repository.find_activity_of(session, community, deed.external_id)
        if known is not None:
            _require_same(known, staff_id, deed)
            return known
    person = await _doer(session, principal, community, staff_id)
    done_at = _when(community, deed.at, at)
    activity = CommunityActivity(
        brand_id=brand_id,
        id=uuid7(),
        community_id=community.id,
        kind=deed.kind,
        staff_id=person.id,
        unit_id=person.unit_id,
        done_as=community.role_of(person.id),
        external_id=deed.external_id,
        at=done_at,
        recorded_by_staff_id=principal.staff_id,
        recorded_at=at,
        status=ActivityStatus.RECORDED,
        void_reason=None,
    )
    session.add(activity)
    outbox.add(
        session,
        community,
        CommunityActivityRecorded(
            **_done(activity),
            done_as=activity.done_as,
            recorded_by=activity.recorded_by_staff_id,
            has_external_id=activity.external_id is not None,
            at=activity.at,
        ),
    )
    _audit_activity(session, principal, "community_activity.record", activity)
    return activity


async def void(
    session: AsyncSession, principal: Principal, activity_id: UUID, *, reason: str
) -> CommunityActivity:
    community, activity = await repository.get_activity_for_update(
        session, principal.brand_id, activity_id, principal.extent
    )
    activity.void(reason)
    outbox.add(session, community, CommunityActivityVoided(**_done(activity)))
    _audit_activity(session, principal, "community_activity.void", activity, reason=reason)
    return activity


async def _require_host(
    session: AsyncSession, principal: Principal, unit_id: UUID, staff_id: UUID
) -> None:
    host = await _known(session, principal, staff_id, field="/host_staff_id")
    if not await repository.is_below(session, host.brand_id, host.unit_id, unit_id):
        raise StaffNotOfCommunity("not of the community's unit or below", field="/host_staff_id")


async def _require_deputy(session: AsyncSession, principal: Principal, care: Care) -> None:
    """A deputy may be of another unit, if the caller answers for them too."""
    _require_two(care)
    if care.deputy_staff_id is not None:
        await _known(session, principal, care.deputy_staff_id, field="/deputy_staff_id")


def _require_two(care: Care) -> None:
    if care.deputy_staff_id == care.host_staff_id:
        raise HostIsDeputy("the host cannot be their own deputy", field="/deputy_staff_id")


async def _known(
    session: AsyncSession, principal: Principal, staff_id: UUID, *, field: str
) -> Seller:
    person = await directory.find_seller(session, principal.brand_id, staff_id, principal.extent)
    if person is None:
        raise StaffNotKnown("no such person", field=field)
    _require_there(person, field)
    return person


def _require_there(person: Seller, field: str) -> None:
    if person.is_departed:
        raise StaffDeparted("the person has departed", field=field)


async def _require_account(
    session: AsyncSession, principal: Principal, platform: Platform, account_id: UUID | None
) -> None:
    if account_id is None:
        return
    account = await repository.find_account(
        session, principal.brand_id, account_id, principal.extent
    )
    if account is None:
        raise AccountNotKnown("no such account", field="/account_id")
    if account.platform is not platform:
        raise AccountElsewhere(
            f"the account is on {account.platform.value}, not on {platform.value}",
            field="/account_id",
        )
    if account.status in _CLOSED:
        raise AccountClosed(f"the account is {account.status.value}", field="/account_id")


def _who(principal: Principal, deed: Deed) -> UUID:
    """The person it was; sellers mean themselves and may name nobody else."""
    own_id = principal.extent.staff_id
    staff_id = deed.staff_id or own_id
    if staff_id is None:
        raise StaffNotNamed("who did it is not said", field="/staff_id")
    if own_id not in (None, staff_id):
        raise StaffNotOfCommunity("a seller records what they did themselves", field="/staff_id")
    return staff_id


async def _doer(
    session: AsyncSession, principal: Principal, community: Community, staff_id: UUID
) -> Seller:
    """Its host or deputy, or somebody of its unit or below, who is still there."""
    brand_id = principal.brand_id
    person = await directory.find_seller(session, brand_id, staff_id)
    is_theirs = person is not None and (
        community.role_of(person.id) is not CommunityRole.STAFF
        or await repository.is_below(session, brand_id, person.unit_id, community.unit_id)
    )
    if person is None or not is_theirs:
        raise StaffNotOfCommunity(
            "neither its host nor its deputy, nor of its unit or below", field="/staff_id"
        )
    _require_there(person, "/staff_id")
    return person


def _when(community: Community, given: datetime | None, at: datetime) -> datetime:
    done_at = given or at
    if not _EARLIEST <= done_at <= at + _SKEW:
        raise TimeNotPlausible("before 2000 or in the future", field="/at")
    if community.closed_at is not None and done_at > community.closed_at:
        raise CommunityIsClosed("after the community was closed", field="/at")
    return done_at


def _require_same(known: CommunityActivity, staff_id: UUID, deed: Deed) -> None:
    """A time that is not given is that of the first telling."""
    told = {
        "kind": (known.kind, deed.kind),
        "staff_id": (known.staff_id, staff_id),
        "at": (known.at, deed.at or known.at),
    }
    differing = [name for name, (before, now_told) in told.items() if before != now_told]
    if differing:
        raise CauseDiffers(
            f"the cause has an activity with another {' and '.join(differing)}",
            field="/external_id",
        )


def _facts(community: Community) -> dict[str, object]:
    return {
        "community_id": community.id,
        "unit_id": community.unit_id,
        "platform": community.platform,
        "account_id": community.account_id,
        "host_staff_id": community.host_staff_id,
        "deputy_staff_id": community.deputy_staff_id,
    }


def _done(activity: CommunityActivity) -> dict[str, object]:
    return {
        "community_id": activity.community_id,
        "activity_id": activity.id,
        "kind": activity.kind,
        "staff_id": activity.staff_id,
        "unit_id": activity.unit_id,
    }


def _audit(session: AsyncSession, actor: str, action: str, community: Community) -> None:
    deputy_id = community.deputy_staff_id
    audit.record(
        session,
        actor=actor,
        action=action,
        subject=typed("comm", community.id),
        host=typed("staff", community.host_staff_id),
        deputy=None if deputy_id is None else typed("staff", deputy_id),
    )


def _audit_activity(
    session: AsyncSession,
    principal: Principal,
    action: str,
    activity: CommunityActivity,
    **more: str,
) -> None:
    audit.record(
        session,
        actor=principal.actor,
        action=action,
        subject=typed("activity", activity.id),
        community=typed("comm", activity.community_id),
        staff=typed("staff", activity.staff_id),
        kind=activity.kind.value,
        **more,
    )
