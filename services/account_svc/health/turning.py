"""When a level turns: worse at once, better once it is sure. Nothing here reads anything."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from account_svc.health.rules import HealthRules
from shared.events.account import HealthLevel

_ORDER = list(HealthLevel)


@dataclass(frozen=True, slots=True)
class Standing:
    """The level that holds, and the one that the score alone would give."""

    level: HealthLevel
    by_score: HealthLevel
    by_score_since: datetime


def turn(
    before: Standing | None, score: int, rules: HealthRules, at: datetime
) -> tuple[Standing, datetime | None]:
    """The standing from now on, and the instant at which time alone betters it.

    A worse level holds at once: somebody has to act. A better one holds when the score is over
    its least by a margin, or has been of that level for a time, so that a fact that comes and goes
    at a threshold turns it once and not every time. Both are data, in `rules.toml`.
    """
    by_score = rules.level(score)
    if before is None:
        return Standing(by_score, by_score, at), None
    since = before.by_score_since if by_score is before.by_score else at
    if _ORDER.index(by_score) >= _ORDER.index(before.level):
        return Standing(by_score, by_score, since), None
    sure_at = since + timedelta(hours=rules.better_after_hours)
    if sure_at <= at:
        return Standing(by_score, by_score, since), None
    cleared = rules.level(score - rules.better_by)
    level = min(cleared, before.level, key=_ORDER.index)
    return Standing(level, by_score, since), None if level is by_score else sure_at
