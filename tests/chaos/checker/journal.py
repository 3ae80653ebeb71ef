"""What consumers write to their plumbing, noted by triggers that are put in from outside.

A note is written in the transaction that it is about: it stays if and only if that commits. So the
journal tells which inbox row, head and parked row belong together, which the rows alone do not, and
in whose brand the transaction was.
"""

import asyncpg

from tests.chaos.checker.collecting import database_url
from tests.chaos.checker.evidence import SERVICES

_INSTALL = """
create schema if not exists chaos;
create table if not exists chaos.journal (
  id bigint generated always as identity primary key,
  transaction xid8 not null,
  at timestamptz not null,
  place text not null,
  change text not null,
  consumer text not null,
  event_id uuid,
  key text,
  version bigint,
  brand text);
create or replace function chaos.note() returns trigger
language plpgsql security definer set search_path = chaos as $$
declare
  line jsonb := to_jsonb(case when tg_op = 'DELETE' then old else new end);
begin
  insert into chaos.journal
    (transaction, at, place, change, consumer, event_id, key, version, brand)
  values (pg_current_xact_id(), clock_timestamp(), tg_table_name, lower(tg_op),
    line->>'consumer', (line->>'event_id')::uuid, line->>'key', (line->>'version')::bigint,
    nullif(current_setting('app.brand', true), ''));
  return null;
end $$;
create or replace trigger chaos_note after insert on inbox
  for each row execute function chaos.note();
create or replace trigger chaos_note after insert or update on head
  for each row execute function chaos.note();
create or replace trigger chaos_note after insert or delete on parked
  for each row execute function chaos.note();
"""


async def install(admin_url: str) -> None:
    for service in SERVICES:
        connection = await asyncpg.connect(database_url(admin_url, service))
        try:
            await connection.execute(_INSTALL)
        finally:
            await connection.close()
