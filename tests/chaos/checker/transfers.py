"""A contact's transfers take every step, once and in order, and are told as they are kept."""

from collections import Counter, defaultdict
from collections.abc import Iterable

from tests.chaos.checker.anomaly import Anomaly
from tests.chaos.checker.evidence import Evidence
from tests.chaos.checker.typeid import typed

_STEPS = ("stage_1_open", "stage_1_done", "stage_2_open", "stage_2_done")

Step = tuple[str, str | None]
"""The step reached, and why the transfer was dropped there if it was."""


def step_by_step(evidence: Evidence) -> Iterable[Anomaly]:
    """I5: a history is the beginning of the way, and a drop ends it. I4: one is open at most."""
    for transfer_id, steps in _kept(evidence).items():
        taken = [step for step, reason in steps if reason is None]
        drops = [number for number, (_, reason) in enumerate(steps, 1) if reason is not None]
        if tuple(taken) != _STEPS[: len(taken)] or drops not in ([], [len(steps)]):
            yield Anomaly("I5", f"{transfer_id} took the steps {steps}")
    open_ones = Counter(
        row["contact_id"] for row in evidence.rows("lead", "transfer") if row["status"] == "open"
    )
    for contact_id, count in open_ones.items():
        if count > 1:
            yield Anomaly("I4", f"contact {contact_id} has {count} open transfers")


def told_as_kept(evidence: Evidence) -> Iterable[Anomaly]:
    """I7: the events of a transfer are its history."""
    kept = _kept(evidence)
    told: dict[str, list[Step]] = defaultdict(list)
    for records in evidence.by_key.values():
        for record in sorted(records, key=lambda each: each.version):
            if record.type == "kos.contact.transferred.v1":
                step = record.data["step"], record.data["dropped_reason"]
                told[record.data["transfer_id"]].append(step)
    for transfer_id in kept.keys() | told.keys():
        if kept.get(transfer_id) != told.get(transfer_id):
            yield Anomaly(
                "I7",
                f"{transfer_id} took the steps {kept.get(transfer_id)}, "
                f"its events tell of {told.get(transfer_id)}",
            )


def _kept(evidence: Evidence) -> dict[str, list[Step]]:
    found: dict[str, list[Step]] = defaultdict(list)
    rows = sorted(evidence.rows("lead", "transfer_step"), key=lambda row: int(row["number"]))
    for row in rows:
        found[typed("transfer", row["transfer_id"])].append((row["step"], row["dropped_reason"]))
    return dict(found)
