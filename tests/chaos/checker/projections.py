"""I7: what a service keeps of the others' facts is the fold of their events, by hand."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import UUID

from tests.chaos.checker.anomaly import Anomaly
from tests.chaos.checker.evidence import Evidence, Record, Row
from tests.chaos.checker.typeid import uuid_of

Fold = dict[UUID, Row]

_SHANGHAI = timezone(timedelta(hours=8))
_STATUS = {
    "kos.account.activated.v1": "active",
    "kos.account.restricted.v1": "restricted",
    "kos.account.suspended.v1": "suspended",
    "kos.account.retired.v1": "retired",
}


def projected(evidence: Evidence) -> Iterable[Anomaly]:
    people = _fold(evidence, "kos.staff", _staff)
    accounts = _fold(evidence, "kos.account", _account)
    units = _fold(evidence, "kos.org", _unit)
    _place(units)
    yield from _compare(evidence, "lead", "seller", "id", people)
    yield from _compare(evidence, "lead", "seller_account", "id", accounts)
    yield from _compare(evidence, "lead", "org_unit", "id", units)
    yield from _compare(evidence, "content", "staff_directory", "staff_id", people)
    yield from _compare(evidence, "content", "account_directory", "account_id", accounts)
    yield from _compare(evidence, "content", "unit_directory", "unit_id", units)
    posts = _fold(evidence, "kos.post", _post)
    yield from _compare(evidence, "lead", "post_directory", "id", posts)
    yield from _compare(
        evidence, "lead", "campaign_directory", "id", _fold(evidence, "kos.campaign", _campaign)
    )
    leads = _fold(evidence, "kos.lead", _lead)
    deals = _fold(evidence, "kos.deal", _deal)
    yield from _compare(evidence, "content", "lead_outcome", "lead_id", leads)
    yield from _compare(evidence, "content", "deal_outcome", "deal_id", deals)
    pairs = _fold(evidence, "kos.account", _pair)
    yield from _compare(evidence, "lead", "seller_pair", "account_id", pairs)
    yield from _rights(evidence)
    yield from _ledger(evidence)
    yield from _standings(evidence)


def _fold(evidence: Evidence, topic: str, apply: Any) -> Fold:
    """Every aggregate of the topic after its events, one after the other."""
    found: Fold = {}
    for key, records in evidence.by_key.items():
        if records[0].topic != topic:
            continue
        state: Row = {}
        for record in sorted(records, key=lambda each: each.version):
            apply(state, record)
        if state:
            found[uuid_of(key)] = state
    return found


def _staff(state: Row, record: Record) -> None:
    data = record.data
    match record.type:
        case "kos.staff.joined.v1" | "kos.staff.changed.v1":
            state["unit_id"] = uuid_of(data["unit_id"])
            for name in ("is_seller", "open_lead_capacity", "skills", "product_lines", "languages"):
                state[name] = data[name]
            state["tier"] = data["tier"]
            if record.type == "kos.staff.joined.v1":
                state |= {"is_departed": False, "absent_from": None, "absent_until": None}
        case "kos.staff.absent.v1":
            state["absent_from"] = _instant(data["from_at"])
            state["absent_until"] = _instant(data["until_at"])
        case "kos.staff.returned.v1":
            state["absent_from"] = state["absent_until"] = None
        case "kos.staff.departed.v1":
            state["is_departed"] = True


def _account(state: Row, record: Record) -> None:
    data = record.data
    if record.type in ("kos.account.registered.v1", "kos.account.changed.v1"):
        for name in ("platform", "handle", "domain", "seat", "status", "platform_id"):
            state[name] = data[name]
        state["display_name"] = data["display_name"] or data["handle"]
        state["persona_kind"] = data["persona_kind"]
        for name in ("unit_id", "staff_id", "persona_id"):
            state[name] = _id(data[name])
    elif record.type in _STATUS:
        state["status"] = _STATUS[record.type]
    elif record.type == "kos.account.handed_over.v1":
        state["status"] = "handed_over"
        state["staff_id"], state["unit_id"] = _id(data["staff_id"]), _id(data["unit_id"])
    elif record.type == "kos.account.paired.v1":
        state["persona_id"], state["persona_kind"] = _id(data["persona_id"]), data["persona_kind"]


def _pair(state: Row, record: Record) -> None:
    if record.type == "kos.account.pair_checked.v1":
        for name in ("private_account_id", "staff_id"):
            state[name] = _id(record.data[name])
        for name in ("state", "failed_fields"):
            state[name] = record.data[name]
        state["version"] = record.version


def _rights(evidence: Evidence) -> Iterator[Anomaly]:
    """Who holds which right until when, as each service keeps it."""
    held: dict[tuple[UUID, str], datetime | None] = {}
    for key, records in evidence.by_key.items():
        for record in sorted(records, key=lambda each: each.version):
            if record.type == "kos.staff.certificate_earned.v1":
                held[uuid_of(key), record.data["right"]] = _instant(record.data["expires_at"])
            elif record.type == "kos.staff.certificate_expired.v1":
                held.pop((uuid_of(key), record.data["right"]), None)
    for service, table in (("lead", "seller_right"), ("content", "staff_right")):
        rows = {
            (row["staff_id"], row["right"]): row["expires_at"]
            for row in evidence.rows(service, table)
        }
        for right in held.keys() | rows.keys():
            if held.get(right) != rows.get(right):
                yield Anomaly(
                    "I7",
                    f"{service}.{table} has {right[1]} of {right[0]} until {rows.get(right)}, "
                    f"the events say {held.get(right)}",
                )


def _unit(state: Row, record: Record) -> None:
    data = record.data
    above = [uuid_of(each) for each in data["ancestor_ids"]]
    if record.type != "kos.org.unit_moved.v1":
        for name in ("kind", "code", "name"):
            state[name] = data[name]
    state["parent_id"] = above[-2] if len(above) > 1 else None


def _place(units: Fold) -> None:
    """A unit's path follows from the parents."""
    for unit_id, unit in units.items():
        path, parent = [unit_id], unit["parent_id"]
        while parent is not None and parent in units and parent not in path:
            path.insert(0, parent)
            parent = units[parent]["parent_id"]
        unit["ancestor_ids"] = path


def _post(state: Row, record: Record) -> None:
    data = record.data
    if record.type == "kos.post.published.v1":
        for name in ("account_id", "campaign_id", "staff_id", "unit_id"):
            state[name] = _id(data[name])
        state["platform_post_id"] = data["platform_post_id"]
        state["published_at"] = _instant(data["published_at"])


def _campaign(state: Row, record: Record) -> None:
    if record.type == "kos.campaign.launched.v1":
        state["code"], state["name"] = record.data["code"], record.data["name"]


def _credit(state: Row, data: Row) -> None:
    for name in ("post_id", "account_id", "campaign_id"):
        state[name] = _id(data[name])


def _lead(state: Row, record: Record) -> None:
    match record.type:
        case "kos.lead.qualified.v1":
            state.setdefault("is_accepted", False)
            state.setdefault("is_voided", False)
            _credit(state, record.data)
        case "kos.lead.accepted.v1":
            state.setdefault("is_voided", False)
            state["is_accepted"] = True
            _credit(state, record.data)
        case "kos.lead.voided.v1":
            state["is_voided"] = True


def _deal(state: Row, record: Record) -> None:
    _credit(state, record.data)
    state["amount_minor"], state["currency"] = (
        record.data["amount_minor"],
        record.data["currency"],
    )
    state["is_voided"] = record.type == "kos.deal.voided.v1"


def _compare(
    evidence: Evidence,
    service: str,
    table: str,
    key: str,
    fold: Fold,
) -> Iterator[Anomaly]:
    """Columns that both have must be equal, and so must the sets of rows."""
    rows = {row[key]: row for row in evidence.rows(service, table)}
    for missing in fold.keys() - rows.keys():
        yield Anomaly("I7", f"{service}.{table} lacks {missing}, which its events tell of")
    for extra in rows.keys() - fold.keys():
        yield Anomaly("I7", f"{service}.{table} holds {extra}, which no event tells of")
    for row_id in fold.keys() & rows.keys():
        for name, value in fold[row_id].items():
            if name in rows[row_id] and rows[row_id][name] != value:
                yield Anomaly(
                    "I7",
                    f"{service}.{table} {row_id} has {name} {rows[row_id][name]!r}, "
                    f"its events say {value!r}",
                )


def _ledger(evidence: Evidence) -> Iterator[Anomaly]:
    """What pays follows from the rules and the facts."""
    rules: dict[tuple[UUID, str], list[Row]] = defaultdict(list)
    for row in evidence.rows("account", "incentive_rule"):
        rules[row["brand_id"], row["trigger"]].append(row)
    expected: dict[tuple[UUID, str, str, bool], int] = {}
    voided = {
        (trigger, record.key)
        for record in evidence.first_records
        if (trigger := _VOIDS.get(record.type)) is not None
    }
    for record in evidence.first_records:
        paid = _reward(record)
        if paid is None or record.data["staff_id"] is None:
            continue
        trigger, cause, at = paid
        brand_id = uuid_of(record.brand_id)
        if (brand_id, trigger, cause, False) in expected:
            continue
        valid = [row for row in rules[brand_id, trigger] if row["valid_from"] <= at]
        rule = max(valid, key=lambda row: row["version"], default=None)
        if rule is None or not rule["is_active"]:
            continue
        amount = rule["amount"]
        if record.type == "kos.deal.won.v1" and record.data["currency"] == "CNY":
            divisor = 1_000_000 if rule["currency"] == "points" else 10_000
            amount += record.data["amount_minor"] * rule["rate_bp"] // divisor
        expected[brand_id, trigger, cause, False] = amount
        if (trigger, cause) in voided:
            expected[brand_id, trigger, cause, True] = -amount
    found = {
        (row["brand_id"], row["trigger"], row["cause"], row["reverses_id"] is not None): row[
            "amount"
        ]
        for row in evidence.rows("account", "ledger_entry")
    }
    for entry in expected.keys() | found.keys():
        if expected.get(entry) != found.get(entry):
            _, trigger, cause, is_counter = entry
            kind = "counter-entry" if is_counter else "entry"
            yield Anomaly(
                "I7",
                f"the ledger's {kind} of {trigger} for {cause} is {found.get(entry)}, "
                f"the events say {expected.get(entry)}",
            )


def _reward(record: Record) -> tuple[str, str, datetime] | None:
    """What the event pays by, its cause and its instant; a cause pays once."""
    data = record.data
    if record.type == "kos.contact.transferred.v1":
        trigger = _PAID_STEPS.get(data["step"])
        if trigger is None or data["dropped_reason"] is not None:
            return None
        return trigger, f"{record.key}/{data['staff_id']}", datetime.fromisoformat(data["at"])
    if record.type not in _PAYS:
        return None
    trigger, at_name = _PAYS[record.type]
    return trigger, record.key, datetime.fromisoformat(data[at_name])


_PAID_STEPS = {"stage_1_done": "transfer_stage_1", "stage_2_done": "transfer_stage_2"}
_PAYS = {
    "kos.lead.accepted.v1": ("lead_accepted", "accepted_at"),
    "kos.deal.won.v1": ("deal_won", "closed_at"),
    "kos.post.published.v1": ("post_published", "published_at"),
}
_VOIDS = {"kos.lead.voided.v1": "lead_accepted", "kos.deal.voided.v1": "deal_won"}


def _standings(evidence: Evidence) -> Iterator[Anomaly]:
    """The race is the sum of the ledger, month by month and store by store."""
    entries = evidence.rows("account", "ledger_entry")
    earned = {row["id"]: row["earned_at"] for row in entries}
    sums: dict[tuple[UUID, str, UUID], list[int]] = defaultdict(lambda: [0, 0, 0])
    for row in entries:
        if row["store_id"] is None:
            continue
        # a counter-entry takes back from the month in which it was earned
        at = earned[row["reverses_id"]] if row["reverses_id"] else row["earned_at"]
        period = at.astimezone(_SHANGHAI).strftime("%Y-%m")
        sign = -1 if row["reverses_id"] else 1
        total = sums[row["brand_id"], period, row["store_id"]]
        total[0] += row["amount"] if row["currency"] == "points" else 0
        total[1] += sign if row["trigger"] == "lead_accepted" else 0
        total[2] += sign if row["trigger"] == "deal_won" else 0
    found = {
        (row["brand_id"], row["period"], row["store_id"]): [
            row["points"],
            row["accepted_leads"],
            row["deals"],
        ]
        for row in evidence.rows("account", "standing")
    }
    for place in sums.keys() | found.keys():
        if sums.get(place, [0, 0, 0]) != found.get(place, [0, 0, 0]):
            yield Anomaly(
                "I7",
                f"the race has {found.get(place)} for store {place[2]} in {place[1]}, "
                f"the ledger sums to {sums.get(place)}",
            )


def _id(text: str | None) -> UUID | None:
    return None if text is None else uuid_of(text)


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
