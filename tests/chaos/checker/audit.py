"""I14: one valid audit row per mutation, in a chain that nobody has touched."""

import hmac
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC
from uuid import UUID

from tests.chaos.checker.anomaly import Anomaly
from tests.chaos.checker.evidence import SERVICES, Evidence, Operation, Row
from tests.chaos.checker.typeid import typed

_GENESIS = bytes(32)

# service and action of the row that a mutation leaves, by kind of operation
ACTIONS = {
    "accept": ("lead", "lead.accept"),
    "decline": ("lead", "lead.decline"),
    "deal": ("lead", "deal.win"),
    "void": ("lead", "deal.void"),
    "persona": ("account", "persona.add"),
    "hire": ("account", "staff.add"),
    "absence": ("account", "staff.mark_absent"),
    "return": ("account", "staff.return"),
    "restrict": ("account", "account.restricted"),
    "activate": ("account", "account.active"),
    "exam_start": ("account", "exam.start"),
    "exam": ("account", "exam.submit"),
    "handover_open": ("account", "handover.open"),
    "handover_start": ("account", "handover.start"),
    "template": ("content", "template.add"),
    "campaign": ("content", "campaign.create"),
    "launch": ("content", "campaign.launch"),
}

_HISTORIES = (
    ("lead", "stage_change", "contact", "contact_id", ("contact.move_stage",)),
    ("lead", "transfer_step", "transfer", "transfer_id", ("transfer.step", "transfer.drop")),
    ("account", "profile_observation", "acct", "account_id", ("account.observe",)),
)
"""Service, table, prefix and column of what a row is of, and the actions that add one."""


def chained(evidence: Evidence) -> Iterable[Anomaly]:
    """Every brand's chain holds from its beginning to its recorded end."""
    for service in SERVICES:
        rows: dict[UUID, list[Row]] = defaultdict(list)
        for row in evidence.rows(service, "audit"):
            rows[row["brand_id"]].append(row)
        heads = {row["brand_id"]: row for row in evidence.rows(service, "audit_head")}
        for brand_id in rows.keys() | heads.keys():
            broken = first_break(rows[brand_id], heads.get(brand_id), evidence.audit_keys[service])
            if broken is not None:
                yield Anomaly(
                    "I14", f"the chain of brand {brand_id} in {service}_svc breaks at {broken}"
                )


def first_break(rows: list[Row], head: Row | None, key: bytes) -> int | None:
    """The sequence number at which the chain does not hold, or None."""
    previous, expected = _GENESIS, 1
    for row in sorted(rows, key=lambda each: int(each["sequence"])):
        if row["sequence"] != expected or row["previous_hash"] != previous:
            return expected
        if not hmac.compare_digest(row["hash"], chain_hash(key, row)):
            return expected
        previous, expected = row["hash"], expected + 1
    if head is None or head["sequence"] != expected - 1 or head["hash"] != previous:
        return expected
    return None


def chain_hash(key: bytes, row: Row) -> bytes:
    canonical = json.dumps(
        {
            "brand_id": str(row["brand_id"]),
            "sequence": row["sequence"],
            "at": row["at"].astimezone(UTC).isoformat(timespec="microseconds"),
            "actor": row["actor"],
            "action": row["action"],
            "subject": row["subject"],
            "details": row["details"],
            "request_id": row["request_id"],
            "previous_hash": row["previous_hash"].hex(),
        },
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=False,
    )
    return hmac.digest(key, canonical.encode(), "sha256")


def one_row_each(evidence: Evidence) -> Iterable[Anomaly]:
    """As many rows of an action on a subject as operations were acknowledged."""
    rows = {
        service: Counter((row["action"], row["subject"]) for row in evidence.rows(service, "audit"))
        for service in SERVICES
    }
    wanted: dict[tuple[str, str, str], Counter[str]] = defaultdict(Counter)
    for operation in evidence.operations:
        if operation.kind in ACTIONS:
            for subject in _subject(operation):
                wanted[*ACTIONS[operation.kind], subject][operation.outcome] += 1
    for (service, action, subject), outcomes in wanted.items():
        found = rows[service][action, subject]
        if not outcomes["ok"] <= found <= outcomes["ok"] + outcomes["unknown"]:
            yield Anomaly(
                "I14",
                f"{found} audit rows for {action} of {subject}, "
                f"but {outcomes['ok']} were acknowledged and {outcomes['unknown']} are open",
            )


def one_row_per_step(evidence: Evidence) -> Iterable[Anomaly]:
    """A stage is moved by its own verb and by a deal, a transfer by people and by its deadline:
    each row of a history has one of the audit."""
    for service, table, prefix, column, actions in _HISTORIES:
        steps = Counter(typed(prefix, row[column]) for row in evidence.rows(service, table))
        rows = Counter(
            row["subject"] for row in evidence.rows(service, "audit") if row["action"] in actions
        )
        for subject in steps.keys() | rows.keys():
            if steps[subject] != rows[subject]:
                yield Anomaly(
                    "I14", f"{rows[subject]} audit rows for {steps[subject]} rows of {subject}"
                )


def _subject(operation: Operation) -> Iterator[str]:
    """The typed id that the row names; none for what was not made."""
    for name in ("lead_id", "contact_id", "deal_id", "staff_id", "account_id", "campaign_id"):
        if operation.kind not in ("deal", "hire") and name in operation.facts:
            yield operation.facts[name]
            return
    if operation.outcome == "ok" and operation.result is not None:
        yield operation.result["id"]
