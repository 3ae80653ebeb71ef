"""Bodies of layouts, of what they ask of the matrix, and of off-roster accounts."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import asyncpg
from pydantic import BaseModel, ConfigDict, Field

from account_svc.layout import Candidate, Cause, Compiled, Nobody, Place, Quota, SeatLine, SeatState
from account_svc.models import (
    Domain,
    LayoutFacts,
    OffRosterStatus,
    PolicyFact,
    Seat,
    SeatRule,
)
from account_svc.models.facts import Facts, Name
from account_svc.repository.layouts import read_definition
from shared.events.account import Platform
from shared.ids import AccountId, LayoutId, OffRosterId, StaffId, UnitId, typed

_MOST_NAMED = 100


class LayoutOut(BaseModel):
    """A version of a brand's own layout."""

    model_config = ConfigDict(from_attributes=True)

    id: LayoutId
    name: str
    version: int
    public: list[SeatRule]
    private: list[SeatRule]
    cities: list[str]
    created_at: datetime


class BuiltInLayouts(BaseModel):
    items: list[LayoutFacts]


class CityOut(BaseModel):
    city: str
    stores: int
    wanted: int
    filled: int
    is_gap: bool


class QuotaOut(BaseModel):
    """Seats of a platform against its policy; `needed` is with every missing seat filled. A limit
    per store is compared with the store that needs most; `over_unit_ids` are the first hundred
    stores that would pass it. A part's report leaves out the limit of the whole organisation."""

    platform: Platform
    fact: PolicyFact
    limit: int | None
    used: int
    needed: int
    is_exceeded: bool
    over: int
    over_unit_ids: list[UnitId]
    source: str | None
    refusal: str | None


class LayoutReportOut(BaseModel):
    """Counts of the caller's part of the matrix. `version` is 0 for a built-in layout."""

    layout: str
    version: int
    form: Domain
    at: datetime
    wanted: int
    filled: int
    missing: int
    without_candidate: int
    doubled: int
    orphaned: int
    unplanned: int
    off_roster: int
    cities: list[CityOut]
    quotas: list[QuotaOut]


class SeatOut(BaseModel):
    """A seat with its account, a seat without one, or an account without a seat; `why` in words."""

    position: int
    state: SeatState
    seat: Seat
    label: str | None
    platform: Platform
    unit_id: UnitId
    account_id: AccountId | None
    cause: Cause | None
    candidate_id: StaffId | None
    candidate_place: Place | None
    why: str | None


class OffRosterIn(Facts):
    platform: Platform
    handle: Annotated[str, Field(min_length=1, max_length=200)]
    unit_id: UnitId | None = None
    note: Annotated[str, Field(max_length=500)] | None = None


class AdoptIn(Facts):
    display_name: Name
    domain: Domain
    seat: Seat
    unit_id: UnitId
    staff_id: StaffId | None = None


class OffRosterOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: OffRosterId
    platform: Platform
    handle: str
    unit_id: UnitId | None
    note: str | None
    status: OffRosterStatus
    reported_at: datetime
    decided_at: datetime | None
    reason: str | None
    account_id: AccountId | None


def layout_json(row: asyncpg.Record) -> dict[str, Any]:
    """A row of SELECT_LAYOUT in the shape of LayoutOut."""
    facts = read_definition(row).model_dump(mode="json")
    return {
        **facts,
        "id": typed("layout", row["id"]),
        "version": row["version"],
        "created_at": row["created_at"],
    }


def off_roster_json(row: asyncpg.Record) -> dict[str, Any]:
    """A row of SELECT_OFF_ROSTER in the shape of OffRosterOut."""
    return {
        **row,
        "id": typed("offroster", row["id"]),
        "unit_id": row["unit_id"] and typed("unit", row["unit_id"]),
        "account_id": row["account_id"] and typed("acct", row["account_id"]),
    }


def report_json(
    compiled: Compiled, *, layout: str, version: int, form: Domain, at: datetime, off_roster: int
) -> dict[str, Any]:
    return {
        "layout": layout,
        "version": version,
        "form": form,
        "at": at,
        "wanted": compiled.wanted,
        **{state.value: compiled.count(state) for state in SeatState},
        "without_candidate": compiled.without_candidate,
        "off_roster": off_roster,
        "cities": [
            {
                "city": city.city,
                "stores": city.stores,
                "wanted": city.wanted,
                "filled": city.filled,
                "is_gap": city.is_gap,
            }
            for city in compiled.cities
        ],
        "quotas": [_quota_json(quota) for quota in compiled.quotas],
    }


def _quota_json(quota: Quota) -> dict[str, Any]:
    return {
        "platform": quota.platform,
        "fact": quota.fact,
        "limit": quota.limit,
        "used": quota.used,
        "needed": quota.needed,
        "is_exceeded": quota.is_exceeded,
        "over": len(quota.over_unit_ids),
        "over_unit_ids": [_typed("unit", each) for each in quota.over_unit_ids[:_MOST_NAMED]],
        "source": quota.source,
        "refusal": quota.refusal,
    }


def seat_json(position: int, line: SeatLine) -> dict[str, Any]:
    candidate = line.candidate
    return {
        "position": position,
        "state": line.state,
        "seat": line.seat,
        "label": line.label,
        "platform": line.platform,
        "unit_id": _typed("unit", line.unit_id),
        "account_id": line.account_id and _typed("acct", line.account_id),
        "cause": line.cause,
        "candidate_id": None if candidate is None else _typed("staff", candidate.staff_id),
        "candidate_place": None if candidate is None else candidate.place,
        "why": why(line),
    }


_CAUSES = {
    Cause.MORE_THAN_WANTED: "the layout asks for fewer here",
    Cause.SAME_PERSON: "its person has another account on this platform",
    Cause.PERSON_DEPARTED: "its person has departed",
    Cause.PERSON_ELSEWHERE: "its person works at another unit",
    Cause.NOT_A_SELLER: "its person is no seller",
    Cause.NOBODY: "nobody runs it",
    Cause.UNIT_DOES_NOT_FIT: "its unit is none that has such a seat",
    Cause.NO_SUCH_SEAT: "the layout has no such seat on this platform",
}
_PLACES = {
    Place.HERE: "works at the unit",
    Place.BELOW: "works below the unit",
    Place.NEARBY: "works at a unit nearby: nobody of the unit itself is free",
}


def why(line: SeatLine) -> str | None:
    """What speaks for the candidate, why there is none, or why the account fills no seat."""
    if line.cause is not None:
        return _CAUSES[line.cause]
    if line.candidate is not None:
        return _for(line.candidate, line.platform)
    return None if line.nobody is None else _nobody(line.nobody)


def _for(candidate: Candidate, platform: Platform) -> str:
    parts = [_PLACES[candidate.place]]
    if candidate.skills:
        parts.append(f"has {', '.join(candidate.skills)}")
    if candidate.lacks:
        parts.append(f"lacks {', '.join(candidate.lacks)}")
    return "; ".join([*parts, f"tier {candidate.tier}", f"no account on {platform} yet"])


def _nobody(nobody: Nobody) -> str:
    told = (
        (nobody.has_an_account, "with an account there"),
        (nobody.proposed_elsewhere, "proposed for another seat"),
        (nobody.absent, "absent"),
        (nobody.departed, "departed"),
        (nobody.not_sellers, "no seller"),
        (nobody.uncertified, "without the certificates that running an account needs"),
    )
    parts = [f"{number} {what}" for number, what in told if number]
    here = f"of its people {', '.join(parts)}" if parts else "nobody works there"
    return f"nobody is free: {here}; none below or nearby"


def _typed(prefix: str, value: bytes) -> str:
    return typed(prefix, UUID(bytes=value))
