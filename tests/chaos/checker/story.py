"""Evidence of a small run in which everything went well, for tests to spoil."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from tests.chaos.checker.audit import chain_hash
from tests.chaos.checker.evidence import Brand, Evidence, Operation, Record, Row, Sample, SinkCall
from tests.chaos.checker.typeid import typed

AT = datetime(2026, 11, 1, 12, tzinfo=UTC)
SECRET = "whsec_" + base64.b64encode(bytes(32)).decode()
KEY = bytes(range(32))
BRAND, OTHER = UUID(int=1), UUID(int=2)
CONNECTION, CONTACT, STAFF, UNIT, ENDPOINT = (UUID(int=number) for number in range(11, 16))
LEAD, OFFER, DEAL, RULE, ENTRY, PERSONA = (UUID(int=number) for number in range(21, 27))
PERSON = ("蘅嫘荨a3", "19912345678", "wx_a_00003_abcde")
CONSUMERS_OF = {
    "kos.lead": ("account_svc", "content_svc", "lead_svc.pipeline", "lead_svc.webhooks"),
    "kos.deal": ("account_svc", "content_svc", "lead_svc.webhooks"),
    "kos.staff": ("content_svc", "lead_svc"),
    "kos.org": ("content_svc", "lead_svc"),
    "kos.incentive": (),
}


def record(
    topic: str, kind: str, subject: str, version: int, offset: int, number: int, /, **data: Any
) -> Record:
    return Record(
        topic=topic,
        partition=0,
        offset=offset,
        key=subject,
        headers={
            "ce_id": str(UUID(int=1000 + number)),
            "ce_type": kind,
            "ce_brandid": typed("brand", BRAND),
            "ce_aggregateversion": str(version),
            "ce_subject": subject,
        },
        value=json.dumps(data).encode(),
    )


def operation(kind: str, number: int, **more: Any) -> Operation:
    answer = more.pop("answer", f'{{"data":"{kind}"}}')
    values: dict[str, Any] = {
        "id": f"op-{number}",
        "kind": kind,
        "brand": "a",
        "key": f"key-{number}",
        "sent": "{}",
        "outcome": "ok",
        "result": None,
        "answers": [answer],
        "answer_hashes": [hashlib.sha256(answer.encode()).hexdigest()],
        "attempts": [{"at": 1.0, "status": 200}],
        "began": 1.0,
        "ended": 2.0,
        "facts": {},
    }
    return Operation(**values | more)


def brand(tag: str, brand_id: UUID) -> Brand:
    return Brand(
        tag=tag,
        brand_id=typed("brand", brand_id),
        connections={},
        endpoint_id=typed("endpoint", ENDPOINT),
        endpoint_secret=SECRET,
        sink=tag,
        public=frozenset({f"canary{tag}00001abcd"}),
        personal=frozenset(PERSON if tag == "a" else ()),
    )


def call(number: int, told: Record, **more: Any) -> SinkCall:
    webhook_id = told.headers["ce_id"]
    body = json.dumps({"id": webhook_id, "data": told.data}).encode()
    text = f"{webhook_id}.1.".encode() + body
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    signature = base64.b64encode(hmac.digest(key, text, "sha256")).decode()
    headers = {
        "webhook-id": webhook_id,
        "webhook-timestamp": "1",
        "webhook-signature": f"v1,{signature}",
    }
    values: dict[str, Any] = {
        "number": number,
        "at": float(number),
        "name": "a",
        "headers": headers,
        "body": body,
        "status": 204,
        "fault": None,
    }
    return SinkCall(**values | more)


def audit_rows(*entries: tuple[str, str]) -> list[Row]:
    rows: list[Row] = []
    previous = bytes(32)
    for number, (action, subject) in enumerate(entries, 1):
        row: Row = {
            "brand_id": BRAND,
            "sequence": number,
            "at": AT,
            "actor": "user:x",
            "action": action,
            "subject": subject,
            "details": {"名": 1},
            "request_id": None,
            "previous_hash": previous,
        }
        row["hash"] = previous = chain_hash(KEY, row)
        rows.append(row)
    return rows


def head_of(rows: list[Row]) -> Row:
    return {"brand_id": BRAND, "sequence": len(rows), "hash": rows[-1]["hash"]}


def notes(consumer: str, records: list[Record], transaction: int) -> list[Row]:
    """A consumer that takes each event in a transaction of its own."""
    rows: list[Row] = []
    for each in records:
        transaction += 1
        common = {
            "transaction": transaction,
            "consumer": consumer,
            "change": "insert",
            "brand": None,
        }
        rows += [
            {**common, "place": "inbox", "event_id": each.event_id, "key": None, "version": None},
            {
                **common,
                "place": "head",
                "event_id": None,
                "key": each.key,
                "version": each.version,
            },
        ]
    return rows


def sample(phase: str, at: float, **more: Any) -> Sample:
    values: dict[str, Any] = {
        "at": at,
        "phase": phase,
        "lag": 0,
        "outbox": 0,
        "parked": 0,
        "sessions": {"lead_svc-api": 5, "lead-relay": 1},
        "idle_in_transaction": 0,
        "advisory": {"kos_lead": 1},
        "memory": {"lead 1": 100 * 1024 * 1024},
        "sockets": {"lead": 20},
    }
    return Sample(**values | more)


def told_records() -> list[Record]:
    lead, deal, staff, unit = (
        typed(prefix, value)
        for prefix, value in (("lead", LEAD), ("deal", DEAL), ("staff", STAFF), ("unit", UNIT))
    )
    credit = {"post_id": None, "account_id": None, "campaign_id": None}
    at = AT.isoformat()
    return [
        record(
            "kos.org",
            "kos.org.unit_added.v1",
            unit,
            1,
            0,
            1,
            ancestor_ids=[unit],
            kind="store",
            code="s",
            name="n",
        ),
        record(
            "kos.staff",
            "kos.staff.joined.v1",
            staff,
            1,
            0,
            2,
            unit_id=unit,
            is_seller=True,
            open_lead_capacity=5,
            skills=[],
            product_lines=[],
            languages=[],
            tier="standard",
        ),
        record("kos.lead", "kos.lead.captured.v1", lead, 1, 0, 3),
        record("kos.lead", "kos.lead.qualified.v1", lead, 2, 1, 4, **credit),
        record(
            "kos.lead",
            "kos.lead.accepted.v1",
            lead,
            3,
            2,
            5,
            staff_id=staff,
            accepted_at=at,
            **credit,
        ),
        record(
            "kos.deal",
            "kos.deal.won.v1",
            deal,
            1,
            0,
            6,
            staff_id=staff,
            closed_at=at,
            amount_minor=100,
            currency="CNY",
            **credit,
        ),
        record("kos.incentive", "kos.incentive.posted.v1", typed("entry", ENTRY), 1, 0, 7),
    ]


def good_run() -> Evidence:
    """A lead is captured, accepted and becomes a deal, which pays; a persona is added."""
    records = told_records()
    lead, deal = typed("lead", LEAD), typed("deal", DEAL)
    lead_audit = audit_rows(("lead.accept", lead), ("deal.win", deal))
    account_audit = audit_rows(("persona.add", typed("persona", PERSONA)))
    of_brand = {"brand_id": BRAND}
    credit = {"post_id": None, "account_id": None, "campaign_id": None}
    tables: dict[str, dict[str, list[Row]]] = {
        "account": {
            "unit": [{**of_brand, "id": UNIT, "version": 1}],
            "staff": [{**of_brand, "id": STAFF, "version": 1, "code": "s1"}],
            "persona": [{**of_brand, "id": PERSONA, "name": "canarya00001abcd"}],
            "incentive_rule": [
                {
                    **of_brand,
                    "id": RULE,
                    "trigger": "deal_won",
                    "version": 1,
                    "amount": 200,
                    "rate_bp": 0,
                    "currency": "points",
                    "valid_from": AT,
                    "is_active": True,
                }
            ],
            "ledger_entry": [
                {
                    **of_brand,
                    "id": ENTRY,
                    "version": 1,
                    "trigger": "deal_won",
                    "cause": deal,
                    "reverses_id": None,
                    "amount": 200,
                    "currency": "points",
                    "earned_at": AT,
                    "store_id": UNIT,
                }
            ],
            "standing": [
                {
                    **of_brand,
                    "period": "2026-11",
                    "store_id": UNIT,
                    "points": 200,
                    "accepted_leads": 0,
                    "deals": 1,
                }
            ],
            "audit": account_audit,
            "audit_head": [head_of(account_audit)],
        },
        "content": {
            "unit_directory": [
                {**of_brand, "unit_id": UNIT, "parent_id": None, "ancestor_ids": [UNIT]}
            ],
            "staff_directory": [
                {**of_brand, "staff_id": STAFF, "unit_id": UNIT, "is_departed": False}
            ],
            "lead_outcome": [
                {**of_brand, **credit, "lead_id": LEAD, "is_accepted": True, "is_voided": False}
            ],
            "deal_outcome": [
                {
                    **of_brand,
                    **credit,
                    "deal_id": DEAL,
                    "amount_minor": 100,
                    "currency": "CNY",
                    "is_voided": False,
                }
            ],
        },
        "lead": {
            "org_unit": [
                {**of_brand, "id": UNIT, "parent_id": None, "ancestor_ids": [UNIT], "code": "s"}
            ],
            "seller": [{**of_brand, "id": STAFF, "unit_id": UNIT, "open_load": 0}],
            "receipt": [
                {**of_brand, "connection_id": CONNECTION, "dedupe_key": "msg-1", "payload": b"\x01"}
            ],
            "lead": [
                {
                    **of_brand,
                    "id": LEAD,
                    "version": 3,
                    "connection_id": CONNECTION,
                    "source_lead_id": "1",
                    "contact_id": CONTACT,
                    "status": "accepted",
                    "staff_id": STAFF,
                    "closed_at": AT,
                }
            ],
            "contact": [
                {
                    **of_brand,
                    "id": CONTACT,
                    "version": 0,
                    "lead_count": 1,
                    "merged_into_id": None,
                }
            ],
            "offer": [
                {**of_brand, "id": OFFER, "lead_id": LEAD, "staff_id": STAFF, "status": "accepted"}
            ],
            "deal": [
                {
                    **of_brand,
                    "id": DEAL,
                    "version": 1,
                    "lead_id": LEAD,
                    "amount_minor": 100,
                    "status": "won",
                }
            ],
            "webhook_delivery": [
                {**of_brand, "endpoint_id": ENDPOINT, "event_id": each.event_id}
                for each in records
                if each.topic in ("kos.lead", "kos.deal")
            ],
            "audit": lead_audit,
            "audit_head": [head_of(lead_audit)],
        },
    }
    journal: dict[str, list[Row]] = {"account": [], "content": [], "lead": []}
    for number, consumer in enumerate(
        ("account_svc", "content_svc", "lead_svc", "lead_svc.pipeline", "lead_svc.webhooks")
    ):
        taken = [each for each in records if consumer in CONSUMERS_OF[each.topic]]
        journal[consumer.partition("_")[0]] += notes(consumer, taken, 100 * number)
    return Evidence(
        brands={"a": brand("a", BRAND), "b": brand("b", OTHER)},
        operations=[
            operation(
                "lead",
                1,
                key=None,
                facts={"connection_id": typed("conn", CONNECTION), "source_lead_id": "1"},
            ),
            operation("accept", 2, facts={"lead_id": lead, "offer_id": typed("offer", OFFER)}),
            operation("deal", 3, result={"id": deal}, facts={"lead_id": lead, "amount_minor": 100}),
            operation(
                "persona",
                4,
                result={"id": typed("persona", PERSONA)},
                facts={"name": "canarya00001abcd"},
            ),
        ],
        records=records,
        tables=tables,
        journal=journal,
        sink=[
            call(number, each)
            for number, each in enumerate(records, 1)
            if each.topic in ("kos.lead", "kos.deal")
        ],
        logs={"lead": "all is well"},
        samples=[sample("drain", 105.0), sample("after", 110.0)],
        audit_keys={"account": KEY, "content": KEY, "lead": KEY},
        catalog=[
            {
                "service": "lead",
                "name": "lead",
                "has_brand": True,
                "is_enabled": True,
                "is_forced": True,
            }
        ],
        roles=[{"rolname": "kos_lead_app", "rolsuper": False, "rolbypassrls": False}],
        last_fault_at=100.0,
        settled_at=108.0,
    )
