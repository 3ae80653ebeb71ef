"""What a leaver had goes to others as a whole, and every service tells the same of it."""

from collections import Counter
from collections.abc import Iterable, Iterator
from uuid import UUID

from tests.chaos.checker.anomaly import Anomaly
from tests.chaos.checker.evidence import Evidence, Row
from tests.chaos.checker.typeid import uuid_of

_OVER = ("done", "gone", "cancelled")
_ENDS = ("kos.handover.finished.v1", "kos.handover.cancelled.v1")


def handed_on(evidence: Evidence) -> Iterable[Anomaly]:
    """I4: whose part of lead_svc is finished owns no open lead and no contact any more, and a
    handover without anything left to do is over. Nobody of the workload takes a lead after their
    handover was opened."""
    leaver_of = {
        row["id"]: row["staff_id"] for row in evidence.rows("lead", "lead_handover") if _ended(row)
    }
    leads = Counter(
        row["staff_id"]
        for row in evidence.rows("lead", "lead")
        if row["status"] == "accepted" and row["closed_at"] is None
    )
    contacts = Counter(
        row["owner_staff_id"]
        for row in evidence.rows("lead", "contact")
        if row["merged_into_id"] is None and row["erased_at"] is None
    )
    for handover_id, staff_id in leaver_of.items():
        if leads[staff_id] or contacts[staff_id]:
            yield Anomaly(
                "I4",
                f"after handover {handover_id} seller {staff_id} has {leads[staff_id]} open leads "
                f"and {contacts[staff_id]} contacts",
            )
    open_items = Counter(
        row["handover_id"]
        for row in evidence.rows("account", "handover_item")
        if row["status"] not in _OVER
    )
    for row in evidence.rows("account", "handover"):
        if row["status"] == "running" and not open_items[row["id"]]:
            yield Anomaly("I4", f"handover {row['id']} has nothing left to do and is not over")


def told_alike(evidence: Evidence) -> Iterable[Anomaly]:
    """I7: lead_svc's part is what was started, and account_svc's plan what lead_svc told."""
    started: dict[UUID, UUID] = {}
    over: set[UUID] = set()
    given: Counter[tuple[str, UUID]] = Counter()
    for record in evidence.first_records:
        match record.type:
            case "kos.handover.started.v1":
                started[uuid_of(record.key)] = uuid_of(record.data["staff_id"])
            case kind if kind in _ENDS:
                over.add(uuid_of(record.key))
            case "kos.lead.handed_over.v1" | "kos.contact.handed_over.v1":
                given[record.topic, uuid_of(record.data["handover_id"])] += 1
    parts = {row["id"]: row for row in evidence.rows("lead", "lead_handover")}
    for handover_id in started.keys() | parts.keys():
        part = parts.get(handover_id)
        if part is None or started.get(handover_id) != part["staff_id"]:
            yield Anomaly(
                "I7",
                f"lead.lead_handover {handover_id} is {part and part['staff_id']}'s, "
                f"the events say {started.get(handover_id)}'s",
            )
            continue
        for topic, count in (("kos.lead", part["leads"]), ("kos.contact", part["contacts"])):
            if given[topic, handover_id] != count:
                yield Anomaly(
                    "I7",
                    f"handover {handover_id} counts {count} of {topic}, "
                    f"{given[topic, handover_id]} were told of",
                )
    yield from _leaving(
        evidence, {staff: each for each, staff in started.items() if each not in over}
    )
    yield from _confirmed(evidence, parts)


def _leaving(evidence: Evidence, expected: dict[UUID, UUID]) -> Iterator[Anomaly]:
    for seller in evidence.rows("lead", "seller"):
        if seller.get("handover_id") != expected.get(seller["id"]):
            yield Anomaly(
                "I7",
                f"seller {seller['id']} leaves by {seller.get('handover_id')}, "
                f"the events say {expected.get(seller['id'])}",
            )


def _confirmed(evidence: Evidence, parts: dict[UUID, Row]) -> Iterator[Anomaly]:
    for item in evidence.rows("account", "handover_item"):
        part = parts.get(item["handover_id"])
        if item["kind"] not in ("leads", "contacts") or part is None:
            continue
        if _ended(part) != (item["status"] in _OVER):
            yield Anomaly(
                "I7",
                f"handover {item['handover_id']} has {item['kind']} {item['status']}, "
                f"lead_svc ended its part at {part['finished_at']}",
            )


def _ended(part: Row) -> bool:
    return part["finished_at"] is not None
