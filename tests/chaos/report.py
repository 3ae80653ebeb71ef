"""What a run has to say at its end."""

from collections import Counter
from collections.abc import Iterator

from tests.chaos.checker import INVARIANTS
from tests.chaos.run import Result

_SHOWN = 25
"""Anomalies of one invariant that are written out."""


def lines(result: Result, *, minutes: float) -> Iterator[str]:
    evidence = result.evidence
    yield ""
    yield f"seed {result.seed}: again with `make chaos MINUTES={minutes:g} SEED={result.seed}`"
    yield "faults by class: " + _counts(result.faults)
    yield "restarted: " + _counts(result.restarts)
    by_outcome = Counter[str]()
    for (_, outcome), count in result.outcomes.items():
        by_outcome[outcome] += count
    yield "operations by outcome: " + _counts(by_outcome)
    for kind in sorted({kind for kind, _ in result.outcomes}):
        told = {o: n for (k, o), n in sorted(result.outcomes.items()) if k == kind}
        yield f"  {kind:<10} " + ", ".join(f"{count} {name}" for name, count in told.items())
    yield (
        f"evidence: {len(evidence.records)} records "
        f"({len(evidence.records) - len(evidence.first_records)} repeats), "
        f"{len(evidence.sink)} webhook calls, "
        f"{sum(len(rows) for tables in evidence.tables.values() for rows in tables.values())} rows"
    )
    quiet = "never" if result.quiet_after is None else f"{result.quiet_after:.1f} s after"
    yield f"quiet: {quiet} the last fault"
    if result.stop_seconds:
        slowest = max(result.stop_seconds, key=lambda name: result.stop_seconds[name])
        took = result.stop_seconds[slowest]
        yield f"ended in order: the last, {slowest}, {took:.1f} s after it was asked"
    found = Counter(anomaly.name for anomaly in result.anomalies)
    yield f"anomalies: {_counts(found) if found else 'none'}"
    for name, count in found.items():
        yield f"{name} {INVARIANTS[name]}: {count}"
        shown = [each for each in result.anomalies if each.name == name][:_SHOWN]
        yield from (f"  {each.reason}" for each in shown)


def _counts(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items())) or "none"
