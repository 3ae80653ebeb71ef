"""All invariants, by name."""

from collections.abc import Callable, Iterable

from tests.chaos.checker import (
    answers,
    audit,
    calm,
    canaries,
    effects,
    events,
    handovers,
    projections,
    stored,
    transfers,
    webhooks,
)
from tests.chaos.checker.anomaly import Anomaly
from tests.chaos.checker.evidence import Evidence

Check = Callable[[Evidence], Iterable[Anomaly]]

INVARIANTS: dict[str, str] = {
    "I1": "acknowledged means stored",
    "I2": "committed versions are in Kafka",
    "I3": "per key gapless and ascending after removing repeats",
    "I4": "one effect per consumer and event",
    "I5": "effects in order",
    "I6": "no event without a committed row",
    "I7": "projections equal the fold of events",
    "I8": "one effect and equal bytes per idempotency key",
    "I9": "webhooks at least once, in order per lead, validly signed",
    "I10": "no canary of another brand anywhere",
    "I11": "no plain personal canary outside its owner",
    "I12": "quiet within 30 s of the last fault",
    "I13": "no leaked connection, lock or growing memory",
    "I14": "one valid audit row per mutation",
}

CHECKS: tuple[Check, ...] = (
    stored.acknowledged_is_stored,
    events.committed_is_announced,
    events.gapless,
    effects.once_each,
    effects.counted,
    effects.in_order,
    handovers.handed_on,
    handovers.told_alike,
    transfers.step_by_step,
    transfers.told_as_kept,
    events.announced_is_committed,
    projections.projected,
    answers.equal_bytes,
    answers.one_effect,
    answers.one_event_each,
    answers.key_is_of_one_body,
    webhooks.delivered,
    webhooks.signed,
    canaries.other_brands,
    canaries.isolated,
    canaries.begun_in_no_brand,
    canaries.personal_data,
    calm.quiet,
    calm.no_leak,
    audit.chained,
    audit.one_row_each,
    audit.one_row_per_step,
)


def check(evidence: Evidence) -> list[Anomaly]:
    """Every broken promise, in the order of the invariants' numbers."""
    found = {anomaly for each in CHECKS for anomaly in each(evidence)}
    return sorted(found, key=lambda anomaly: (int(anomaly.name[1:]), anomaly.reason))
