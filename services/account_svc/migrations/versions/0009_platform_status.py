"""What platforms say that accounts are, and until when.

Revision ID: 0009
Revises: 0008
"""

from alembic import op

from shared.migrations import isolate

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """create table platform_status_note (
        brand_id uuid not null,
        id uuid not null,
        account_id uuid not null,
        platform_status varchar(40) not null,
        is_held boolean not null,
        valid_from timestamptz not null,
        valid_to timestamptz,
        reference text not null,
        noted_by text not null,
        noted_at timestamptz not null)"""
    )
    op.execute(
        "create index ix_platform_status_note_account_id on platform_status_note (account_id, id)"
    )
    op.execute(
        "alter table platform_status_note add constraint pk_platform_status_note "
        "primary key (brand_id, id)"
    )
    op.execute(
        "alter table platform_status_note "
        "add constraint fk_platform_status_note_brand_id_account_id_account "
        "foreign key (brand_id, account_id) references account (brand_id, id)"
    )
    isolate("account", append_only=["platform_status_note"])
