"""SQL of lists and by-ids reads, over the table `t`: columns, conditions, whole statements."""

from collections.abc import Sequence
from uuid import UUID

import asyncpg

from lead_svc.repository.units import below
from shared.access import Extent
from shared.reading import Conditions

LEAD = """t.id, t.status, t.source, t.connection_id, t.source_lead_id, t.contact_id, t.submitted_at,
    t.captured_at, t.city, t.product, t.score, t.grade, t.score_reasons, t.post_id, t.account_id,
    t.campaign_id, t.unit_id, t.staff_id, t.keyword, t.channel_code, t.offer_id, t.version"""
LEADS = f"select {LEAD} from lead t"
OFFERS = """select
    t.id, t.lead_id, t.staff_id, t.unit_id, t.status, t.attempt, t.offered_at, t.expires_at,
    t.answered_at, t.decision_id
    from offer t"""
DEAL = """t.id, t.lead_id, t.contact_id, t.staff_id, t.unit_id, t.account_id, t.post_id,
    t.campaign_id, t.amount_minor, t.currency, t.status, t.closed_at, t.void_reason, t.version"""
DEALS = f"select {DEAL} from deal t"
TRANSFERS = """select t.id, t.contact_id, t.staff_id, t.unit_id, t.account_id,
    t.private_account_id, t.attempt, t.means, t.status, t.step, t.due_at, t.opened_at, t.closed_at,
    t.dropped_reason, t.note, t.note_subject_id,
    (select k.wrapped from data_key k
        where k.brand_id = t.brand_id and k.subject_id = t.note_subject_id) as wrapped,
    (select k.kek_version from data_key k
        where k.brand_id = t.brand_id and k.subject_id = t.note_subject_id) as kek_version
    from transfer t"""
TRANSFER_STEPS = """select t.transfer_id, t.number, t.step, t.dropped_reason, t.staff_id,
    t.taken_by, t.taken_at, t.due_at, t.channel, t.consent_purpose, t.consent_notice_version,
    t.consent_at
    from transfer_step t"""
COMMUNITIES = """select t.id, t.unit_id, t.name, t.platform, t.platform_group_id, t.account_id,
    t.host_staff_id, t.deputy_staff_id, t.status, t.registered_at, t.closed_at
    from community t"""
ACTIVITIES = """select t.id, t.community_id, t.kind, t.staff_id, t.unit_id, t.done_as,
    t.external_id, t.at, t.recorded_by_staff_id, t.recorded_at, t.status, t.void_reason
    from community_activity t"""
DECISIONS = """select
    t.id, t.lead_id, t.offer_id, t.policy_version, t.decided_at, t.outcome, t.staff_id,
    t.inputs, t.candidates, t.uncounted, t.tie_break, t.explanation
    from decision t"""
CONTACTS = """select t.id, t.name, t.phone, t.wechat, t.email, t.city, t.stage, t.owner_staff_id,
    t.lead_count, t.created_at, t.version,
    (select k.wrapped from data_key k
        where k.brand_id = t.brand_id and k.subject_id = t.id) as wrapped,
    (select k.kek_version from data_key k
        where k.brand_id = t.brand_id and k.subject_id = t.id) as kek_version
    from contact t"""
TOUCHPOINTS = """select
    t.id, t.lead_id, t.source, t.post_id, t.account_id, t.campaign_id, t.unit_id,
    t.keyword, t.channel_code, t.at
    from touchpoint t"""

_BELOW = below(brand="$1", units="?::uuid[]")


class Where(Conditions):
    """The conditions of a statement over the table `t`, always of one brand."""

    def __init__(self, brand_id: UUID) -> None:
        super().__init__("t", brand_id)

    def equal(self, **columns: object) -> None:
        """`column = value` for every value that is given."""
        for column, value in columns.items():
            self.add_given(f"t.{column} = ?", value)

    def below(self, unit_id: UUID | None) -> None:
        """Rows of the unit and of all units below it."""
        if unit_id is not None:
            self.add(f"t.unit_id in {_BELOW}", [unit_id])

    def within(self, extent: Extent) -> None:
        if extent.staff_id is not None:
            self.add("t.staff_id = ?", extent.staff_id)
        elif extent.unit_ids is not None:
            self.add(f"t.unit_id in {_BELOW}", list(extent.unit_ids))

    def communities_within(self, extent: Extent) -> None:
        """A seller sees those that they host or are the deputy of."""
        if extent.staff_id is not None:
            self.add("(t.host_staff_id = ? or t.deputy_staff_id = ?)", *[extent.staff_id] * 2)
        elif extent.unit_ids is not None:
            self.add(f"t.unit_id in {_BELOW}", list(extent.unit_ids))

    def activities_within(self, extent: Extent) -> None:
        """Those of the communities that the extent covers, and a seller's own."""
        community = """exists (select from community c where c.brand_id = $1
            and c.id = t.community_id and {test})"""
        if extent.staff_id is not None:
            theirs = community.format(test="(c.host_staff_id = ? or c.deputy_staff_id = ?)")
            self.add(f"(t.staff_id = ? or {theirs})", *[extent.staff_id] * 3)
        elif extent.unit_ids is not None:
            self.add(community.format(test=f"c.unit_id in {_BELOW}"), list(extent.unit_ids))

    def contacts_within(self, extent: Extent) -> None:
        """Contacts have no unit: they are seen by who owns them or has one of their leads."""
        lead = """exists (select from lead l where l.brand_id = $1 and l.contact_id = t.id
            and l.{column} {test})"""
        if extent.staff_id is not None:
            has_lead = lead.format(column="staff_id", test="= ?")
            self.add(f"(t.owner_staff_id = ? or {has_lead})", extent.staff_id, extent.staff_id)
        elif extent.unit_ids is not None:
            self.add(lead.format(column="unit_id", test=f"in {_BELOW}"), list(extent.unit_ids))


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
    where.add(f"t.{key} = any(?::uuid[])", list(ids))
    rows: list[asyncpg.Record] = await connection.fetch(
        f"""select * from (
            select {columns}, count(*) over (partition by t.{key}) as total,
                row_number() over (partition by t.{key} order by t.id desc) as place
            from {table} t where {where.sql}) ranked
        where place <= {first} order by id desc""",
        *where.arguments,
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
        *where.arguments,
    )
