"""One statement for a whole batch: receipts with their keys, new leads, their announcements.

A repeat of a receipt writes nothing at all. A lead that is there already is not touched: a timer
makes the worker announce that the receipt tells more of it. Rows are inserted in the order of
their unique keys, so that two writers wait for each other in one direction only.
"""

from collections.abc import Sequence
from uuid import UUID

import asyncpg
import orjson

from lead_svc.intake.deliveries import NewReceipt

TELL_MORE = "receipt"
"""Kind of the timer whose subject is a receipt that tells more of a known lead."""

_WRITE = f"""
with delivery as (
  select * from unnest(
    $1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
    $9::bytea[], $10::bytea[], $11::smallint[], $12::timestamptz[]
  ) as delivery (
    id, brand_id, connection_id, platform, kind, dedupe_key, status, reason,
    payload, wrapped_key, kek_version, received_at
  )
), new_receipt as (
  insert into receipt (
    id, brand_id, connection_id, platform, kind, dedupe_key, status, reason, payload, received_at
  )
  select
    id, brand_id, connection_id, platform, kind, dedupe_key, status, reason, payload, received_at
  from delivery
  order by brand_id, connection_id, dedupe_key, id
  on conflict (brand_id, connection_id, dedupe_key) do nothing
  returning id
), new_key as (
  insert into data_key (brand_id, subject_id, kek_version, wrapped, created_at)
  select brand_id, id, kek_version, wrapped_key, received_at
  from delivery where id in (select id from new_receipt)
), told as (
  select told.*, delivery.brand_id, delivery.connection_id, delivery.platform, delivery.received_at
  from unnest(
    $13::uuid[], $14::uuid[], $15::text[], $16::timestamptz[],
    $17::uuid[], $18::text[], $19::text[], $20::bytea[], $21::text[]
  ) as told (
    id, receipt_id, source_lead_id, submitted_at, event_id, topic, key, event, headers
  )
  join delivery on delivery.id = told.receipt_id
  where told.receipt_id in (select id from new_receipt)
), new_lead as (
  insert into lead (
    id, brand_id, version, connection_id, source, source_lead_id, receipt_id, status,
    submitted_at, captured_at
  )
  select
    id, brand_id, 1, connection_id, platform, source_lead_id, receipt_id, 'captured',
    submitted_at, received_at
  from told
  order by brand_id, connection_id, source_lead_id, id
  on conflict (brand_id, connection_id, source_lead_id) do nothing
  returning id
), announced as (
  insert into outbox (event_id, brand_id, topic, key, version, payload, headers, created_at)
  select event_id, brand_id, topic, key, 1, event, headers::jsonb, received_at
  from told where id in (select id from new_lead)
), told_more as (
  insert into timer (id, brand_id, kind, subject_id, due_at, generation, attempt)
  select distinct on (receipt_id) id, brand_id, '{TELL_MORE}', receipt_id, received_at, 1, 0
  from told where id not in (select id from new_lead)
)
select id from new_receipt
"""


async def write(connection: asyncpg.Connection, receipts: Sequence[NewReceipt]) -> set[UUID]:
    """Write a batch, of any brands, in one transaction; the ids of those that were no repeats."""
    leads = [(receipt, lead) for receipt in receipts for lead in receipt.leads]
    announcements = [lead.announcement for _, lead in leads]
    rows = await connection.fetch(
        _WRITE,
        [receipt.id for receipt in receipts],
        [receipt.brand_id for receipt in receipts],
        [receipt.connection_id for receipt in receipts],
        [receipt.platform for receipt in receipts],
        [receipt.kind for receipt in receipts],
        [receipt.dedupe_key for receipt in receipts],
        [receipt.status.value for receipt in receipts],
        [receipt.reason for receipt in receipts],
        [receipt.payload for receipt in receipts],
        [receipt.wrapped_key for receipt in receipts],
        [receipt.kek_version for receipt in receipts],
        [receipt.received_at for receipt in receipts],
        [lead.id for _, lead in leads],
        [receipt.id for receipt, _ in leads],
        [lead.source_lead_id for _, lead in leads],
        [lead.submitted_at for _, lead in leads],
        [row["event_id"] for row in announcements],
        [row["topic"] for row in announcements],
        [row["key"] for row in announcements],
        [row["payload"] for row in announcements],
        [orjson.dumps(row["headers"]).decode() for row in announcements],
    )
    return {row["id"] for row in rows}
