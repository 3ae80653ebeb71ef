import io
from typing import Any

import orjson
from aiokafka import ConsumerRecord
from rich.console import Console

from deploy.local import feed


def make_record(kind: str = "kos.lead.pooled.v1", **data: Any) -> "ConsumerRecord[bytes, bytes]":
    headers = {
        "ce_type": kind,
        "ce_subject": "lead_01k8",
        "ce_time": "2026-11-22T08:30:15.123Z",
    }
    return ConsumerRecord(
        topic="kos.lead",
        partition=0,
        offset=0,
        timestamp=0,
        timestamp_type=0,
        key=b"k",
        value=orjson.dumps(data),
        checksum=None,
        serialized_key_size=1,
        serialized_value_size=1,
        headers=[(name, value.encode()) for name, value in headers.items()],
    )


def test_an_event_is_one_line_of_its_facts() -> None:
    record = make_record(lead_id="lead_01k8", reason="no_seller", attempt=3, extra=None, nested=[1])

    assert feed.describe(record).plain == (
        "08:30:15 lead.pooled.v1 lead_01k8 reason=no_seller attempt=3"
    )


def test_a_bulk_change_is_counted() -> None:
    screen = io.StringIO()
    records = [make_record("kos.staff.joined.v1") for _ in range(30)]
    records += [make_record("kos.account.activated.v1") for _ in range(12)]

    feed.show(records, Console(file=screen, width=100))

    assert screen.getvalue().splitlines() == [
        "      30 × kos.staff.joined.v1",
        "      12 × kos.account.activated.v1",
    ]


def test_figures_of_posts_are_left_out() -> None:
    screen = io.StringIO()
    records = [make_record("kos.post.measured.v1", views=1), make_record(reason="no_seller")]

    feed.show(records, Console(file=screen, width=100))

    assert screen.getvalue().splitlines() == ["08:30:15 lead.pooled.v1 lead_01k8 reason=no_seller"]
