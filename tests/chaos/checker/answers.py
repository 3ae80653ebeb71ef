"""I8: one effect and equal bytes per idempotency key."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from uuid import UUID

from tests.chaos.checker.anomaly import Anomaly
from tests.chaos.checker.evidence import Evidence, Operation
from tests.chaos.checker.typeid import uuid_of

Count = Callable[[Operation], int]


def equal_bytes(evidence: Evidence) -> Iterable[Anomaly]:
    """Every answer under a key is the same, byte by byte."""
    for operation in evidence.operations:
        if operation.key is not None and len(set(operation.answer_hashes)) > 1:
            yield Anomaly(
                "I8",
                f"{operation.kind} {operation.id} got different answers under key "
                f"{operation.key}: {operation.answers[0][:120]} … {operation.answers[-1][:120]}",
            )


def one_effect(evidence: Evidence) -> Iterable[Anomaly]:
    """An acknowledged operation has one effect, an unknown one at most one, a refused one none."""
    counts = _counts(evidence)
    for operation in evidence.operations:
        count = counts.get(operation.kind)
        if count is None:
            continue
        found = count(operation)
        allowed = {"ok": (1,), "unknown": (0, 1), "failed": (0,)}[operation.outcome]
        # that an acknowledged one has none is I1
        if found not in allowed and not (operation.outcome == "ok" and found == 0):
            yield Anomaly(
                "I8",
                f"{operation.kind} {operation.id} ({operation.outcome}, key {operation.key}) "
                f"has {found} effects",
            )


def key_is_of_one_body(evidence: Evidence) -> Iterable[Anomaly]:
    """A key with another body is refused as that, and does nothing."""
    for operation in evidence.operations:
        if operation.kind != "misuse":
            continue
        if operation.outcome == "ok":
            yield Anomaly(
                "I8", f"{operation.id} used key {operation.key} for another body and got through"
            )
        elif operation.outcome == "failed" and (operation.result or {}).get("code") != (
            "idempotency_key_reused"
        ):
            yield Anomaly("I8", f"{operation.id} was refused, but not for its key")


def _counts(evidence: Evidence) -> dict[str, Count]:
    """How often the effect of an operation is in the tables, by kind of operation."""
    brand_ids = {tag: uuid_of(brand.brand_id) for tag, brand in evidence.brands.items()}

    def by(service: str, table: str, *columns: str) -> Counter[tuple[object, ...]]:
        return Counter(
            (row["brand_id"], *(row[name] for name in columns))
            for row in evidence.rows(service, table)
        )

    leads = by("lead", "lead", "connection_id", "source_lead_id")
    receipts = by("lead", "receipt", "connection_id", "dedupe_key")
    deals = by("lead", "deal", "amount_minor")
    personas = by("account", "persona", "name")
    staff = by("account", "staff", "code")
    templates = by("content", "template", "name")
    campaigns = by("content", "campaign", "code")

    def named(counter: Counter[tuple[object, ...]], fact: str) -> Count:
        return lambda each: counter[brand_ids[each.brand], each.facts[fact]]

    def lead_count(each: Operation) -> int:
        place = brand_ids[each.brand], uuid_of(each.facts["connection_id"])
        dedupe_key = f"msg-{each.facts['source_lead_id']}"
        return max(leads[*place, each.facts["source_lead_id"]], receipts[*place, dedupe_key])

    return {
        "lead": lead_count,
        "deal": named(deals, "amount_minor"),
        "persona": named(personas, "name"),
        "misuse": named(personas, "name"),
        "hire": named(staff, "code"),
        "template": named(templates, "name"),
        "campaign": named(campaigns, "code"),
    }


def one_event_each(evidence: Evidence) -> Iterable[Anomaly]:
    """Verbs that may be done to one thing again and again: as many events as operations."""
    for kind, fact, event_type in (
        ("absence", "staff_id", "kos.staff.absent.v1"),
        ("return", "staff_id", "kos.staff.returned.v1"),
        ("restrict", "account_id", "kos.account.restricted.v1"),
        ("activate", "account_id", "kos.account.activated.v1"),
    ):
        yield from _compare(evidence, kind, fact, event_type)


def _compare(evidence: Evidence, kind: str, fact: str, event_type: str) -> Iterator[Anomaly]:
    wanted: dict[UUID, Counter[str]] = defaultdict(Counter)
    for each in evidence.operations:
        if each.kind == kind:
            wanted[uuid_of(each.facts[fact])][each.outcome] += 1
    told = Counter(
        uuid_of(record.key) for record in evidence.first_records if record.type == event_type
    )
    for subject, outcomes in wanted.items():
        if not outcomes["ok"] <= told[subject] <= outcomes["ok"] + outcomes["unknown"]:
            yield Anomaly(
                "I8",
                f"{told[subject]} {event_type} of {subject}, "
                f"but {outcomes['ok']} acknowledged and {outcomes['unknown']} open {kind}s",
            )
