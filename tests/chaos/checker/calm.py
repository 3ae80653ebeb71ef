"""I12, I13: the system comes to rest, and holds no more than before."""

from collections import defaultdict
from collections.abc import Iterable

from tests.chaos.checker.anomaly import Anomaly
from tests.chaos.checker.evidence import Evidence, Sample

SESSIONS = {
    "account_svc-api": 10,
    "account_svc-reads": 5,
    "account_svc-worker": 10,
    "account-relay": 1,
    "content_svc-api": 10,
    "content_svc-reads": 5,
    "content_svc-worker": 20,
    "content-relay": 1,
    "lead_svc-api": 10,
    "lead_svc-reads": 5,
    "lead_svc-connections": 2,
    "lead_svc-intake": 1,
    "lead_svc-worker": 20,
    "lead-relay": 1,
}
"""Database sessions that one process of each kind may hold."""

GROWTH_BYTES = 48 * 1024 * 1024
WARM_SECONDS = 60.0
"""A process is warm after this, and may then grow by so much in a run."""
SOCKETS = 150
_TOOLS = ("proxy", "sink")


def quiet(evidence: Evidence) -> Iterable[Anomaly]:
    """I12: lag, outbox and parked rows were zero at one moment soon after the last fault."""
    looks = [each for each in evidence.samples if each.phase == "drain"]
    limit = evidence.last_fault_at + evidence.quiet_seconds
    calm = [each.at for each in looks if not (each.lag or each.outbox or each.parked)]
    if not calm:
        last = looks[-1] if looks else None
        yield Anomaly("I12", f"it never came to rest: {_waits(last)}")
    elif calm[0] > limit:
        after = calm[0] - evidence.last_fault_at
        yield Anomaly("I12", f"it came to rest only {after:.1f} s after the last fault")
    if evidence.settled_at is None:
        yield Anomaly("I12", "work that was under way never ended")
    dead = [row for service in evidence.tables for row in evidence.rows(service, "parked")]
    for row in dead:
        yield Anomaly("I12", f"{row['consumer']} parked {row['key']}: {row['reason']}")


def _waits(look: Sample | None) -> str:
    if look is None:
        return "the servers never answered"
    return f"lag {look.lag}, outbox {look.outbox}, parked {look.parked}"


def no_leak(evidence: Evidence) -> Iterable[Anomaly]:
    """I13: afterwards there are no more sessions, locks, sockets and bytes than there may be."""
    after = [each for each in evidence.samples if each.phase == "after"]
    if not after:
        yield Anomaly("I13", "the servers did not answer after the run")
        return
    look = after[-1]
    for application, count in look.sessions.items():
        if count > SESSIONS.get(application, 0):
            yield Anomaly("I13", f"{application} holds {count} database sessions")
    if look.idle_in_transaction:
        yield Anomaly("I13", f"{look.idle_in_transaction} transactions were left open")
    for database, count in look.advisory.items():
        if count > 1:
            yield Anomaly("I13", f"{count} advisory locks are held in {database}")
    for name, count in look.sockets.items():
        if name not in _TOOLS and count > SOCKETS:
            yield Anomaly("I13", f"{name} holds {count} sockets")
    yield from _memory(evidence)


def _memory(evidence: Evidence) -> Iterable[Anomaly]:
    """Of each process that lived long enough: its growth once it was warm."""
    seen: dict[str, list[tuple[float, int]]] = defaultdict(list)
    for each in evidence.samples:
        for process, size in each.memory.items():
            seen[process].append((each.at, size))
    for process, sizes in seen.items():
        if process.startswith(("kafka", "postgres", *_TOOLS)):
            continue  # heap and shared buffers fill up to what they are given
        warm = [size for at, size in sizes if at - sizes[0][0] > WARM_SECONDS]
        if warm and warm[-1] - warm[0] > GROWTH_BYTES:
            grown = (warm[-1] - warm[0]) / 1024 / 1024
            yield Anomaly("I13", f"{process} grew by {grown:.0f} MiB after its first minute")
