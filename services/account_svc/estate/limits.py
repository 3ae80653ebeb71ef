"""The platform's limits on moving customers, from the dated rows that hold."""

from datetime import datetime, timedelta

from account_svc.errors import LimitUnknown
from account_svc.estate.customers import Limits
from account_svc.models import PolicyFact, PolicyRow, find_policy
from shared.events.account import Platform


def limits_at(rows: list[PolicyRow], at: datetime) -> Limits:
    """LimitUnknown or PolicyExpired, which name the fact, where no row says: without a limit
    nothing is moved."""

    def number(fact: PolicyFact) -> int:
        row = find_policy(rows, Platform.WECOM, fact, at)
        if row is None or row.number is None:
            raise LimitUnknown(f"no policy says {fact} of {Platform.WECOM}", field="/fact")
        return row.number

    return Limits(
        per_call=number(PolicyFact.TRANSFERS_PER_CALL),
        moves=number(PolicyFact.TRANSFERS_PER_CUSTOMER),
        window=timedelta(days=number(PolicyFact.TRANSFER_WINDOW_DAYS)),
        delay=timedelta(hours=number(PolicyFact.TRANSFER_DELAY_HOURS)),
    )
