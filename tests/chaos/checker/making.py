"""Pieces of evidence as a run would leave them, for the checker's own tests."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from tests.chaos.checker.audit import chain_hash
from tests.chaos.checker.evidence import Brand, Operation, Record, Row, Sample, SinkCall
from tests.chaos.checker.typeid import typed

AT = datetime(2026, 11, 1, 12, tzinfo=UTC)
SECRET = "whsec_" + base64.b64encode(bytes(32)).decode()
KEY = bytes(range(32))
BRAND, OTHER, ENDPOINT = UUID(int=1), UUID(int=2), UUID(int=15)
PERSON = ("蘅嫘荨a3", "19912345678", "wx_a_00003_abcde")


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
