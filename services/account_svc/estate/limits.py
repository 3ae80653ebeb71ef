"""The platform's limits on moving customers and communities, from the dated rows that hold."""

from datetime import datetime, timedelta

from account_svc.errors import LimitUnknown
from account_svc.estate.moves import Limits
from account_svc.models import PolicyFact, PolicyRow, find_policy
from account_svc.models.policy import LONGEST
from shared.events.account import Platform


def limits_at(rows: list[PolicyRow], at: datetime) -> Limits:
    """Of customers. LimitUnknown or PolicyExpired, which name the fact, where no row says: without
    a limit nothing is moved."""
    return Limits(
        per_call=_number(rows, PolicyFact.TRANSFERS_PER_CALL, at),
        moves=_number(rows, PolicyFact.TRANSFERS_PER_CUSTOMER, at),
        window=timedelta(days=_number(rows, PolicyFact.TRANSFER_WINDOW_DAYS, at)),
        delay=timedelta(hours=_number(rows, PolicyFact.TRANSFER_DELAY_HOURS, at)),
    )


def community_limits_at(rows: list[PolicyRow], at: datetime) -> Limits:
    """Of communities, which have their new owner at once; refused like `limits_at`."""
    return Limits(
        per_call=_number(rows, PolicyFact.COMMUNITIES_PER_CALL, at),
        moves=_number(rows, PolicyFact.TRANSFERS_PER_COMMUNITY, at),
        window=timedelta(days=_number(rows, PolicyFact.COMMUNITY_WINDOW_DAYS, at)),
        delay=timedelta(0),
        moves_fact=PolicyFact.TRANSFERS_PER_COMMUNITY,
        per_day=_number(rows, PolicyFact.COMMUNITIES_PER_DAY, at),
    )


def _number(rows: list[PolicyRow], fact: PolicyFact, at: datetime) -> int:
    row = find_policy(rows, Platform.WECOM, fact, at)
    if row is None or row.number is None:
        raise LimitUnknown(f"no policy says {fact} of {Platform.WECOM}", field="/fact")
    # a row from before the bound was set may say more
    return min(row.number, LONGEST.get(fact, row.number))
