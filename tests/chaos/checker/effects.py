"""I4, I5: every event takes effect once at each consumer, in the order of its aggregate."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from uuid import UUID

from tests.chaos.checker.anomaly import Anomaly
from tests.chaos.checker.evidence import Evidence, Record, Row
from tests.chaos.checker.measuring import CONSUMERS

SERVICE_OF = {name: name.partition("_")[0] for name in CONSUMERS}


@dataclass
class Told:
    """What the journal tells of one consumer."""

    inbox: dict[UUID, int] = field(default_factory=dict)
    """Transaction of each event's inbox row."""
    twice: list[UUID] = field(default_factory=list)
    parked: set[UUID] = field(default_factory=set)
    heads: dict[str, list[tuple[int, int]]] = field(default_factory=lambda: defaultdict(list))
    """Versions that a key's head was set to, each with its transaction."""


def read_journal(rows: list[Row]) -> dict[str, Told]:
    found: dict[str, Told] = defaultdict(Told)
    for row in rows:
        told, transaction = found[row["consumer"]], int(row["transaction"])
        if row["place"] == "inbox":
            if row["event_id"] in told.inbox:
                told.twice.append(row["event_id"])
            told.inbox[row["event_id"]] = transaction
        elif row["place"] == "head":
            told.heads[row["key"]].append((row["version"], transaction))
        elif row["change"] == "insert":
            told.parked.add(row["event_id"])
    return found


def once_each(evidence: Evidence) -> Iterable[Anomaly]:
    """I4: the inbox row and the effect of an event are of one transaction, and there is one."""
    for consumer, topics in CONSUMERS.items():
        told = read_journal(evidence.journal.get(SERVICE_OF[consumer], []))[consumer]
        for event_id in told.twice:
            yield Anomaly("I4", f"{consumer} took event {event_id} in more than once")
        for key, records in evidence.by_key.items():
            if records[0].topic in topics:
                yield from _of_key(consumer, key, records, told)


def _of_key(consumer: str, key: str, records: list[Record], told: Told) -> Iterator[Anomaly]:
    heads = told.heads.get(key, [])
    for record in records:
        taken = told.inbox.get(record.event_id)
        effect = next((tx for version, tx in heads if version >= record.version), None)
        what = f"{record.type} {record.event_id}, version {record.version} of {key}"
        if effect is None:
            yield Anomaly("I4", f"{consumer} never applied {what}")
        elif taken is None:
            yield Anomaly("I4", f"{consumer} applied {what} without an inbox row")
        elif taken != effect and record.event_id not in told.parked:
            yield Anomaly("I4", f"{consumer} noted {what} apart from its effect")


def in_order(evidence: Evidence) -> Iterable[Anomaly]:
    """I5: a consumer's head of a key only rises, and never past an event that is not told."""
    for consumer in CONSUMERS:
        told = read_journal(evidence.journal.get(SERVICE_OF[consumer], []))[consumer]
        for key, heads in told.heads.items():
            versions = [version for version, _ in heads]
            if any(later <= earlier for earlier, later in pairwise(versions)):
                yield Anomaly("I5", f"{consumer} applied {key} in the order {versions}")
            newest = max((each.version for each in evidence.by_key.get(key, [])), default=0)
            if versions and versions[-1] > newest:
                yield Anomaly(
                    "I5", f"{consumer} is at version {versions[-1]} of {key}, told is {newest}"
                )


def counted(evidence: Evidence) -> Iterable[Anomaly]:
    """I4: figures that an effect raises or lowers are what the rows they count say."""
    yield from _lead_counts(evidence)
    yield from _loads(evidence)
    yield from _offers(evidence)
    yield from _told_once(evidence)
    deliveries = Counter(
        (row["endpoint_id"], row["event_id"]) for row in evidence.rows("lead", "webhook_delivery")
    )
    for (_, event_id), count in deliveries.items():
        if count > 1:
            yield Anomaly("I4", f"event {event_id} was queued {count} times for one endpoint")
    entries = Counter(
        (row["trigger"], row["cause"], row["reverses_id"] is not None)
        for row in evidence.rows("account", "ledger_entry")
    )
    for (trigger, cause, _), count in entries.items():
        if count > 1:
            yield Anomaly("I4", f"the ledger holds {trigger} for {cause} {count} times")
    for row in evidence.published_twice:
        yield Anomaly(
            "I4", f"{row['account_handle']} published one text {row['count']} times on the platform"
        )


def _lead_counts(evidence: Evidence) -> Iterator[Anomaly]:
    leads = Counter(row["contact_id"] for row in evidence.rows("lead", "lead"))
    for contact in evidence.rows("lead", "contact"):
        if contact["merged_into_id"] is None and contact["lead_count"] != leads[contact["id"]]:
            yield Anomaly(
                "I4",
                f"contact {contact['id']} counts {contact['lead_count']} leads, "
                f"there are {leads[contact['id']]}",
            )


def _loads(evidence: Evidence) -> Iterator[Anomaly]:
    held = Counter(
        row["staff_id"] for row in evidence.rows("lead", "offer") if row["status"] == "open"
    )
    held.update(
        row["staff_id"]
        for row in evidence.rows("lead", "lead")
        if row["status"] == "accepted" and row["closed_at"] is None
    )
    for seller in evidence.rows("lead", "seller"):
        if seller["open_load"] != held[seller["id"]]:
            yield Anomaly(
                "I4",
                f"seller {seller['id']} carries {seller['open_load']} leads by the counter "
                f"and {held[seller['id']]} by the rows",
            )


def _offers(evidence: Evidence) -> Iterator[Anomaly]:
    live = Counter(
        row["lead_id"]
        for row in evidence.rows("lead", "offer")
        if row["status"] in ("open", "accepted")
    )
    for lead_id, count in live.items():
        if count > 1:
            yield Anomaly("I4", f"lead {lead_id} is with {count} sellers at once")


def _told_once(evidence: Evidence) -> Iterator[Anomaly]:
    """What happens to an aggregate once at most."""
    once = (
        "kos.lead.captured.v1",
        "kos.lead.qualified.v1",
        "kos.lead.accepted.v1",
        "kos.lead.voided.v1",
        "kos.deal.won.v1",
        "kos.deal.voided.v1",
        "kos.post.published.v1",
        "kos.campaign.launched.v1",
        "kos.handover.started.v1",
        "kos.handover.finished.v1",
        "kos.lead_handover.finished.v1",
        "kos.staff.joined.v1",
    )
    for key, records in evidence.by_key.items():
        for kind, count in Counter(each.type for each in records).items():
            if kind in once and count > 1:
                yield Anomaly("I4", f"{kind} was announced {count} times for {key}")
