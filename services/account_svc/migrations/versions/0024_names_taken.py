"""Codes and handles are taken in upper and lower case alike; a retired account's handle is free.

Rows that clash already stay: all but the oldest of each name are marked, and the new indexes leave
marked rows out. The version before meets the new indexes as it met the constraints, by name.

Revision ID: 0024
Revises: 0023
"""

from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

CONTRACT = (
    "both constraints are replaced by indexes of the same names that let more rows in: the version "
    "before inserts as it did, and is refused by the same names"
)

_FOLDED = {
    "unit": ('brand_id, lower(code collate "C")', "true"),
    "staff": ('brand_id, lower(code collate "C")', "true"),
    "account": ('brand_id, platform, lower(handle collate "C")', "status <> 'retired'"),
}


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    for table, (key, counted) in _FOLDED.items():
        op.execute(f"alter table {table} add column is_twin boolean not null default false")
        # The owner too is held to the brand of a request, and there is none.
        op.execute(f"alter table {table} no force row level security")
        op.execute(
            f"""update {table} t set is_twin = true
            from (select brand_id, id, row_number() over (partition by {key} order by id) as nth
                from {table} where {counted}) named
            where named.brand_id = t.brand_id and named.id = t.id and named.nth > 1"""
        )
        op.execute(f"alter table {table} force row level security")
    op.execute(
        'create unique index uq_unit_folded_code on unit (brand_id, lower(code collate "C")) '
        "where not is_twin"
    )
    op.execute(
        'create unique index uq_staff_folded_code on staff (brand_id, lower(code collate "C")) '
        "where not is_twin"
    )
    op.execute(
        "create unique index uq_account_folded_handle on account "
        '(brand_id, platform, lower(handle collate "C")) '
        "where not is_twin and status <> 'retired'"
    )
    op.execute("alter table account drop constraint uq_account_brand_id_platform_handle")
    op.execute(
        "create unique index uq_account_brand_id_platform_handle on account "
        "(brand_id, platform, handle) where status <> 'retired'"
    )
    # The brand last: without statistics checks of foreign keys took any index led by it for the
    # key's, and read all accounts of the brand for each row.
    op.execute("create index ix_account_handle on account (handle, platform, brand_id)")
    op.execute(
        "alter table off_roster_account "
        "drop constraint uq_off_roster_account_brand_id_platform_handle"
    )
    op.execute(
        "create unique index uq_off_roster_account_brand_id_platform_handle on off_roster_account "
        "(brand_id, platform, handle) where status <> 'adopted'"
    )
