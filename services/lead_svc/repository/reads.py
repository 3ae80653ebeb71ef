"""SQL of lists and by-ids reads: driver-level rows, one statement per page or set."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import asyncpg

from shared.access import Extent
from shared.errors import Invalid
from shared.web.pages import Cursor

LEAD = """t.id, t.status, t.source, t.connection_id, t.source_lead_id, t.contact_id, t.submitted_at,
    t.captured_at, t.city, t.product, t.score, t.grade, t.score_reasons, t.post_id, t.account_id,
    t.campaign_id, t.unit_id, t.staff_id, t.keyword, t.channel_code, t.offer_id, t.version"""
OFFER = """t.id, t.lead_id, t.staff_id, t.unit_id, t.status, t.attempt, t.offered_at, t.expires_at,
    t.answered_at, t.decision_id"""
DEAL = """t.id, t.lead_id, t.contact_id, t.staff_id, t.unit_id, t.account_id, t.post_id,
    t.campaign_id, t.amount_minor, t.currency, t.status, t.closed_at, t.void_reason, t.version"""
DECISION = """t.id, t.lead_id, t.offer_id, t.policy_version, t.decided_at, t.outcome, t.staff_id,
    t.inputs, t.candidates, t.uncounted, t.tie_break, t.explanation"""
CONTACT = """t.id, t.name, t.phone, t.wechat, t.email, t.city, t.stage, t.owner_staff_id,
    t.lead_count, t.created_at, t.version,
    (select k.wrapped from data_key k
        where k.brand_id = t.brand_id and k.subject_id = t.id) as wrapped,
    (select k.kek_version from data_key k
        where k.brand_id = t.brand_id and k.subject_id = t.id) as kek_version"""
TOUCHPOINT = """t.id, t.lead_id, t.source, t.post_id, t.account_id, t.campaign_id, t.unit_id,
    t.keyword, t.channel_code, t.at"""

_BELOW = """(select u.id from org_unit u
    where u.brand_id = $1 and u.ancestor_ids && {}::uuid[])"""


class Where:
    """The conditions of a statement over the table `t`, always of one brand."""

    def __init__(self, brand_id: UUID) -> None:
        self.values: list[Any] = [brand_id]
        self.parts = ["t.brand_id = $1"]

    def add(self, condition: str, value: object) -> None:
        """Add a condition with `{}` for the value."""
        self.values.append(value)
        self.parts.append(condition.format(f"${len(self.values)}"))

    def equal(self, **columns: object) -> None:
        """`column = value` for every value that is given."""
        for column, value in columns.items():
            if value is not None:
                self.add(f"t.{column} = {{}}", value)

    def below(self, unit_id: UUID | None) -> None:
        """Rows of the unit and of all units below it."""
        if unit_id is not None:
            self.add(f"t.unit_id in {_BELOW}", [unit_id])

    def within(self, extent: Extent) -> None:
        if extent.staff_id is not None:
            self.add("t.staff_id = {}", extent.staff_id)
        elif extent.unit_ids is not None:
            self.add(f"t.unit_id in {_BELOW}", list(extent.unit_ids))

    def contacts_within(self, extent: Extent) -> None:
        """Contacts have no unit: they are seen by who owns them or has one of their leads."""
        lead = """exists (select from lead l where l.brand_id = $1 and l.contact_id = t.id
            and l.{column} {test})"""
        if extent.staff_id is not None:
            owned = "t.owner_staff_id = {} or "
            self.values.append(extent.staff_id)
            place = f"${len(self.values)}"
            found = lead.format(column="staff_id", test=f"= {place}")
            self.parts.append(f"({owned.format(place)}{found})")
        elif extent.unit_ids is not None:
            self.values.append(list(extent.unit_ids))
            units = _BELOW.format(f"${len(self.values)}")
            self.parts.append(lead.format(column="unit_id", test=f"in {units}"))

    @property
    def sql(self) -> str:
        return " and ".join(self.parts)


async def fetch_page(
    connection: asyncpg.Connection, columns: str, table: str, where: Where, cursor: Cursor
) -> tuple[list[asyncpg.Record], bool]:
    """Newest first; the rows, and whether there are more."""
    if cursor.after is not None:
        where.add("t.id < {}", _after(cursor))
    rows = await connection.fetch(
        f"select {columns} from {table} t where {where.sql}"
        f" order by t.id desc limit {cursor.first + 1}",
        *where.values,
    )
    return rows[: cursor.first], len(rows) > cursor.first


async def fetch_by_ids(
    connection: asyncpg.Connection, columns: str, table: str, where: Where, ids: Sequence[UUID]
) -> list[asyncpg.Record]:
    where.add("t.id = any({})", list(ids))
    rows: list[asyncpg.Record] = await connection.fetch(
        f"select {columns} from {table} t where {where.sql}", *where.values
    )
    return rows


async def fetch_newest_per(
    connection: asyncpg.Connection,
    columns: str,
    table: str,
    where: Where,
    key: str,
    ids: Sequence[UUID],
    first: int,
) -> list[asyncpg.Record]:
    """For each id the newest `first` rows whose column `key` is that id, with their `total`."""
    where.add(f"t.{key} = any({{}})", list(ids))
    rows: list[asyncpg.Record] = await connection.fetch(
        f"""select * from (
            select {columns}, count(*) over (partition by t.{key}) as total,
                row_number() over (partition by t.{key} order by t.id desc) as place
            from {table} t where {where.sql}) ranked
        where place <= {first} order by id desc""",
        *where.values,
    )
    return rows


async def fetch_funnel(
    connection: asyncpg.Connection, brand_id: UUID, extent: Extent, campaign_id: UUID | None
) -> asyncpg.Record:
    """How far the leads of the brand, or of one campaign, came."""
    where = Where(brand_id)
    where.within(extent)
    where.equal(campaign_id=campaign_id)
    return await connection.fetchrow(
        f"""with t as materialized (select t.* from lead t where {where.sql}),
        answers as (select o.status from offer o join t on o.lead_id = t.id
            where o.brand_id = $1),
        won as (select d.amount_minor from deal d join t on d.lead_id = t.id
            where d.brand_id = $1 and d.status = 'won')
        select count(*) as captured,
            count(*) filter (where grade is not null) as qualified,
            count(*) filter (where attempts > 0) as offered,
            (select count(*) from answers where status = 'accepted') as accepted,
            (select count(*) from answers where status = 'declined') as declined,
            (select count(*) from answers where status = 'expired') as expired,
            count(*) filter (where status = 'pooled') as pooled,
            count(*) filter (where status = 'voided') as voided,
            (select count(*) from won) as deals,
            (select coalesce(sum(amount_minor), 0)::bigint from won) as amount_minor
        from t""",
        *where.values,
    )


def _after(cursor: Cursor) -> UUID:
    assert cursor.after is not None
    try:
        return UUID(str(cursor.after[0]))
    except (ValueError, IndexError) as error:
        raise Invalid("not a cursor of this list", field="/after") from error
