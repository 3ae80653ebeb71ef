"""Advocates, the history of their relation to the brand, and in which class posts were made.

Revision ID: 0015
Revises: 0014
"""

from alembic import op

from shared.migrations import isolate

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_TABLES = {
    "advocate": """
        brand_id uuid not null,
        id uuid not null,
        unit_id uuid not null,
        name_sealed bytea not null,
        phone_sealed bytea,
        phone_index bytea,
        added_by text not null,
        added_at timestamptz not null,
        constraint pk_advocate primary key (brand_id, id),
        constraint uq_advocate_brand_id_phone_index unique (brand_id, phone_index),
        constraint fk_advocate_brand_id_unit_id_unit
            foreign key (brand_id, unit_id) references unit (brand_id, id)""",
    "advocate_relation": """
        brand_id uuid not null,
        id uuid not null,
        advocate_id uuid not null,
        kind varchar(40) not null,
        happened_on date not null,
        proof_sealed bytea not null,
        recorded_by text not null,
        recorded_at timestamptz not null,
        withdrawn_by text,
        withdrawn_at timestamptz,
        withdrawn_because text,
        constraint pk_advocate_relation primary key (brand_id, id),
        constraint fk_advocate_relation_brand_id_advocate_id_advocate
            foreign key (brand_id, advocate_id) references advocate (brand_id, id)""",
    "advocate_account": """
        brand_id uuid not null,
        account_id uuid not null,
        advocate_id uuid not null,
        linked_by text not null,
        linked_at timestamptz not null,
        constraint pk_advocate_account primary key (brand_id, account_id),
        constraint fk_advocate_account_brand_id_account_id_account
            foreign key (brand_id, account_id) references account (brand_id, id),
        constraint fk_advocate_account_brand_id_advocate_id_advocate
            foreign key (brand_id, advocate_id) references advocate (brand_id, id)""",
}


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    for table, columns in _TABLES.items():
        op.execute(f"create table {table} ({columns})")
    op.execute(
        """create table post_author (
            brand_id uuid not null,
            id uuid not null,
            account_id uuid not null,
            staff_id uuid,
            unit_id uuid not null,
            author_class varchar(40) not null,
            published_at timestamptz not null,
            constraint pk_post_author primary key (brand_id, id))"""
    )
    op.execute("create index ix_advocate_unit_id on advocate (unit_id)")
    op.execute(
        "create index ix_advocate_relation_advocate_id on advocate_relation (advocate_id, id)"
    )
    op.execute(
        "create index ix_advocate_account_advocate_id on advocate_account (brand_id, advocate_id)"
    )
    op.execute("create index ix_post_author_account_id on post_author (brand_id, account_id, id)")
    isolate("account", *_TABLES, append_only=["post_author"])
