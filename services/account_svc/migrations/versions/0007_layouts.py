"""A brand's own layouts, and accounts that nobody registered.

Revision ID: 0007
Revises: 0006
"""

from alembic import op

from shared.migrations import isolate

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.execute(
        """create table layout (
            brand_id uuid not null,
            id uuid not null,
            name text not null,
            version integer not null,
            definition jsonb not null,
            created_at timestamptz not null,
            constraint pk_layout primary key (brand_id, id),
            constraint uq_layout_brand_id_name_version unique (brand_id, name, version))"""
    )
    op.execute(
        """create table off_roster_account (
            brand_id uuid not null,
            id uuid not null,
            platform varchar(40) not null,
            handle text not null,
            unit_id uuid,
            note text,
            status varchar(40) not null,
            reported_at timestamptz not null,
            decided_at timestamptz,
            reason text,
            account_id uuid,
            constraint pk_off_roster_account primary key (brand_id, id),
            constraint uq_off_roster_account_brand_id_platform_handle
                unique (brand_id, platform, handle),
            constraint fk_off_roster_account_brand_id_unit_id_unit
                foreign key (brand_id, unit_id) references unit (brand_id, id),
            constraint fk_off_roster_account_brand_id_account_id_account
                foreign key (brand_id, account_id) references account (brand_id, id))"""
    )
    op.execute("create index ix_off_roster_account_unit_id on off_roster_account (unit_id)")
    isolate("account", "off_roster_account", append_only=["layout"])
