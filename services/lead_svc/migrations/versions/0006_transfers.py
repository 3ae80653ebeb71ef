"""Two-stage transfers, and the pairs of accounts that open them.

Revision ID: 0006
Revises: 0005
"""

from alembic import op

from shared.migrations import isolate

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """create table seller_pair (
        brand_id uuid not null,
        account_id uuid not null,
        private_account_id uuid not null,
        staff_id uuid,
        state text not null,
        failed_fields text[] not null,
        version bigint not null,
        constraint pk_seller_pair primary key (brand_id, account_id))"""
    )
    op.execute(
        """create table transfer (
        brand_id uuid not null,
        id uuid not null,
        contact_id uuid not null,
        staff_id uuid not null,
        unit_id uuid not null,
        account_id uuid not null,
        private_account_id uuid not null,
        attempt smallint not null,
        means varchar(40) not null,
        status varchar(40) not null,
        step varchar(40) not null,
        due_at timestamptz,
        opened_at timestamptz not null,
        closed_at timestamptz,
        dropped_reason varchar(40),
        note bytea,
        note_subject_id uuid,
        constraint pk_transfer primary key (brand_id, id),
        constraint fk_transfer_brand_id_contact_id_contact foreign key (brand_id, contact_id)
            references contact (brand_id, id))"""
    )
    op.execute(
        """create unique index uq_transfer_open_contact_id on transfer (brand_id, contact_id)
        where status = 'open'"""
    )
    for column in ("contact_id", "staff_id", "unit_id"):
        op.create_index(f"ix_transfer_brand_id_{column}_id", "transfer", ["brand_id", column, "id"])
    op.execute(
        """create table transfer_step (
        brand_id uuid not null,
        transfer_id uuid not null,
        number smallint not null,
        step varchar(40) not null,
        dropped_reason varchar(40),
        staff_id uuid not null,
        taken_by text not null,
        taken_at timestamptz not null,
        due_at timestamptz,
        channel text,
        consent_purpose text,
        consent_notice_version text,
        consent_at timestamptz,
        constraint pk_transfer_step primary key (brand_id, transfer_id, number),
        constraint fk_transfer_step_brand_id_transfer_id_transfer
            foreign key (brand_id, transfer_id) references transfer (brand_id, id))"""
    )
    isolate("lead", "seller_pair", "transfer", append_only=["transfer_step"])
    op.execute("alter table contact_merge add transfer_ids uuid[] not null default '{}'")
