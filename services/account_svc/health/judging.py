"""What a snapshot of an account says of its health at an instant. Nothing here reads anything."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from account_svc.health.rules import ZONE, Cause, HealthRules, Rule, start_of
from shared.events.account import AccountStatus, HealthLevel, Platform

JUDGED = frozenset(
    {
        AccountStatus.ACTIVE,
        AccountStatus.RESTRICTED,
        AccountStatus.SUSPENDED,
        AccountStatus.HANDED_OVER,
    }
)
"""An account that is not yet or no longer there has no health."""
_WEEK, _WEEKS_BEFORE = 7, 4


@dataclass(frozen=True, slots=True)
class Token:
    """What the product signs in with. Ends that are None are not known to come."""

    ended_reason: str | None = None
    ends_at: datetime | None = None
    """After the refresh token's end there is no way but a new consent."""


@dataclass(frozen=True, slots=True)
class PlatformWord:
    """A platform status that the account is to have."""

    platform_status: str
    valid_to: datetime | None
    next_at: datetime | None = None
    """When a note begins that says something else."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is known of one account."""

    platform: Platform
    status: AccountStatus
    active_since: datetime
    """When it was first there: the time of its silence counts from here."""
    token: Token | None = None
    last_post_at: datetime | None = None
    last_reply_at: datetime | None = None
    """When a seller last took a lead that came by the account."""
    leads_waiting: tuple[datetime, ...] = ()
    """When the leads came that nobody has taken."""
    words: tuple[PlatformWord, ...] = ()
    drafts_held: tuple[datetime, ...] = ()
    posts_refused: tuple[datetime, ...] = ()
    set_back: tuple[datetime, ...] = ()
    """Restrictions and suspensions so far."""
    off_brand_since: datetime | None = None
    """When it was found not to be one persona with its seller's private account."""
    follows: Mapping[date, int] = field(default_factory=dict)
    """New followers by day, as posts told."""


@dataclass(frozen=True, slots=True)
class Reason:
    cause: Cause
    points: int
    message: str
    since: datetime | None


@dataclass(frozen=True, slots=True)
class Health:
    score: int
    reasons: tuple[Reason, ...]
    """The heaviest first."""
    next_at: datetime | None
    """When time alone may change it."""


@dataclass(frozen=True, slots=True)
class _Case:
    """A rule met by a snapshot: the answer, and the instants at which it may be another."""

    snapshot: Snapshot
    rule: Rule
    at: datetime
    turns: set[datetime]

    def takes(
        self, message: str, since: datetime | None = None, *, times: int = 1
    ) -> Iterator[Reason]:
        points = self.rule.points * times
        yield Reason(self.rule.cause, min(points, self.rule.most or points), message, since)

    @property
    def days(self) -> timedelta:
        return timedelta(days=self.rule.days or 0)

    def has_come(self, turn: datetime) -> bool:
        self.turns.add(turn)
        return turn <= self.at

    def recent(self, instants: tuple[datetime, ...]) -> list[datetime]:
        """Those within the rule's days."""
        return [each for each in instants if not self.has_come(each + self.days)]


def judge(snapshot: Snapshot, rules: HealthRules, at: datetime) -> Health:
    turns = rules.turns() | {word.next_at for word in snapshot.words if word.next_at is not None}
    heaviest: dict[Cause, Reason] = {}
    for rule in rules.holding(at):
        for reason in _FINDERS[rule.cause](_Case(snapshot, rule, at, turns)):
            if rule.cause not in heaviest or reason.points > heaviest[rule.cause].points:
                heaviest[rule.cause] = reason
    reasons = sorted(heaviest.values(), key=lambda each: (-each.points, each.cause))
    score = max(0, 100 - sum(each.points for each in reasons))
    next_at = min((turn for turn in turns if turn > at), default=None)
    return Health(score, tuple(reasons), next_at)


def worse_than(level: HealthLevel) -> list[HealthLevel]:
    order = list(HealthLevel)
    return order[order.index(level) + 1 :]


def _token_missing(case: _Case) -> Iterator[Reason]:
    snapshot = case.snapshot
    if snapshot.token is None and snapshot.platform in (case.rule.platforms or ()):
        since = snapshot.active_since + case.days
        if case.has_come(since):
            yield from case.takes("nobody has consented to the product's signing in", since)


def _token_ended(case: _Case) -> Iterator[Reason]:
    token = case.snapshot.token
    if token is None:
        return
    if token.ended_reason is not None:
        yield from case.takes(f"somebody has to consent again: {token.ended_reason}")
    elif token.ends_at is not None and case.has_come(token.ends_at):
        yield from case.takes("somebody has to consent again: the token has ended", token.ends_at)


def _token_ends_soon(case: _Case) -> Iterator[Reason]:
    token = case.snapshot.token
    if token is None or token.ended_reason is not None or token.ends_at is None:
        return
    begins = token.ends_at - case.days
    if case.has_come(begins) and not case.has_come(token.ends_at):
        yield from case.takes(f"the token ends at {token.ends_at.isoformat()}", begins)


def _silent(case: _Case) -> Iterator[Reason]:
    if case.snapshot.status is not AccountStatus.ACTIVE:
        return  # it may not post
    last = case.snapshot.last_post_at
    since = last or case.snapshot.active_since
    if case.has_come(since + case.days):
        said = "no post yet" if last is None else f"the last post was at {last.isoformat()}"
        yield from case.takes(f"{said}: {case.rule.days} days and more", since + case.days)


def _unanswered(case: _Case) -> Iterator[Reason]:
    patience = timedelta(hours=case.rule.hours or 0)
    waiting = [
        since
        for since in case.recent(case.snapshot.leads_waiting)
        if case.has_come(since + patience)
    ]
    if waiting:
        last = case.snapshot.last_reply_at
        replied = "no reply yet" if last is None else f"the last reply was at {last.isoformat()}"
        words = f"{len(waiting)} leads wait for {case.rule.hours} hours and more; {replied}"
        yield from case.takes(words, min(waiting), times=len(waiting))


def _status_expired(case: _Case) -> Iterator[Reason]:
    gone = [
        word
        for word in case.snapshot.words
        if word.valid_to is not None and case.has_come(word.valid_to)
    ]
    if gone:
        names = ", ".join(sorted(word.platform_status for word in gone))
        since = min(word.valid_to for word in gone if word.valid_to is not None)
        yield from case.takes(f"expired: {names}", since)


def _status_ends_soon(case: _Case) -> Iterator[Reason]:
    for word in case.snapshot.words:
        if word.valid_to is None:
            continue
        begins = word.valid_to - case.days
        if case.has_come(begins) and not case.has_come(word.valid_to):
            until = word.valid_to.isoformat()
            yield from case.takes(f"{word.platform_status} ends at {until}", begins)


def _drafts_held(case: _Case) -> Iterator[Reason]:
    held = case.recent(case.snapshot.drafts_held)
    if held:
        words = f"{len(held)} drafts held within {case.rule.days} days"
        yield from case.takes(words, min(held), times=len(held))


def _posts_refused(case: _Case) -> Iterator[Reason]:
    refused = case.recent(case.snapshot.posts_refused)
    if refused:
        words = f"{len(refused)} posts refused by the platform within {case.rule.days} days"
        yield from case.takes(words, min(refused), times=len(refused))


def _restricted(case: _Case) -> Iterator[Reason]:
    if case.snapshot.status is AccountStatus.RESTRICTED:
        yield from case.takes(
            "the account is restricted", max(case.snapshot.set_back, default=None)
        )


def _suspended(case: _Case) -> Iterator[Reason]:
    if case.snapshot.status is AccountStatus.SUSPENDED:
        yield from case.takes("the account is suspended", max(case.snapshot.set_back, default=None))


def _set_back(case: _Case) -> Iterator[Reason]:
    if case.snapshot.status in (AccountStatus.RESTRICTED, AccountStatus.SUSPENDED):
        return  # counted as what it is
    recent = case.recent(case.snapshot.set_back)
    if recent:
        words = f"restricted or suspended within {case.rule.days} days"
        yield from case.takes(words, max(recent))


def _off_brand(case: _Case) -> Iterator[Reason]:
    since = case.snapshot.off_brand_since
    if since is not None:
        yield from case.takes("it and the private account are not one persona", since)


def _followers_fell(case: _Case) -> Iterator[Reason]:
    won, usual = _weeks(case)
    if usual >= (case.rule.least or 0) and won * 100 < usual * (case.rule.percent or 0):
        yield from case.takes(f"{won} new followers in a week after {usual:.0f} in each before")


def _followers_jumped(case: _Case) -> Iterator[Reason]:
    won, usual = _weeks(case)
    if usual >= (case.rule.least or 0) and won * 100 > usual * (case.rule.percent or 0):
        yield from case.takes(f"{won} new followers in a week after {usual:.0f} in each before")


def _weeks(case: _Case) -> tuple[int, float]:
    """New followers of the last seven whole days, and of a week of the four before."""
    if not case.snapshot.follows:
        return 0, 0.0
    today = case.at.astimezone(ZONE).date()
    if (today - max(case.snapshot.follows)).days <= _WEEK * (_WEEKS_BEFORE + 1):
        case.turns.add(start_of(today + timedelta(days=1)))
    by_age = {(today - day).days: won for day, won in case.snapshot.follows.items()}
    last = sum(won for age, won in by_age.items() if 1 <= age <= _WEEK)
    before = sum(won for age, won in by_age.items() if _WEEK < age <= _WEEK * (_WEEKS_BEFORE + 1))
    return last, before / _WEEKS_BEFORE


_FINDERS: dict[Cause, Callable[[_Case], Iterator[Reason]]] = {
    Cause.TOKEN_MISSING: _token_missing,
    Cause.TOKEN_ENDED: _token_ended,
    Cause.TOKEN_ENDS_SOON: _token_ends_soon,
    Cause.SILENT: _silent,
    Cause.UNANSWERED: _unanswered,
    Cause.STATUS_EXPIRED: _status_expired,
    Cause.STATUS_ENDS_SOON: _status_ends_soon,
    Cause.DRAFTS_HELD: _drafts_held,
    Cause.POSTS_REFUSED: _posts_refused,
    Cause.RESTRICTED: _restricted,
    Cause.SUSPENDED: _suspended,
    Cause.SET_BACK: _set_back,
    Cause.OFF_BRAND: _off_brand,
    Cause.FOLLOWERS_FELL: _followers_fell,
    Cause.FOLLOWERS_JUMPED: _followers_jumped,
}
