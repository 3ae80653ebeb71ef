"""Whose accounts are, and handovers of what somebody leaves behind.

Revision ID: 0016
Revises: 0015
"""

from alembic import op

from shared.migrations import isolate

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_TABLES = {
    "handover": """
        brand_id uuid not null,
        id uuid not null,
        staff_id uuid not null,
        status varchar(40) not null,
        taker_ids uuid[] not null,
        full_taker_ids uuid[] not null,
        awaited_ids uuid[] not null,
        starts_at timestamptz not null,
        opened_by text not null,
        opened_at timestamptz not null,
        finished_at timestamptz,
        version bigint not null""",
    "handover_item": """
        brand_id uuid not null,
        id uuid not null,
        handover_id uuid not null,
        kind varchar(40) not null,
        account_id uuid not null,
        status varchar(40) not null,
        taker_id uuid,
        due_at timestamptz,
        waits_for varchar(40),
        refusal text,
        attempts integer not null,
        moved_at timestamptz[] not null,
        not_to uuid[] not null,
        changed_at timestamptz not null""",
}
_INDEXES = (
    "unique index uq_handover_staff_id on handover (brand_id, staff_id) where finished_at is null",
    "index ix_handover_item_handover_id on handover_item (handover_id, id)",
    "index ix_handover_item_due_at on handover_item (handover_id, status, due_at)",
)


def upgrade() -> None:
    op.execute(
        "alter table account add column ownership varchar(40), add column ownership_reference text"
    )
    for table, columns in _TABLES.items():
        op.execute(f"create table {table} ({columns})")
    for index in _INDEXES:
        op.execute(f"create {index}")
    for table in _TABLES:
        op.execute(f"alter table {table} add constraint pk_{table} primary key (brand_id, id)")
    for table, column, target in (
        ("handover", "staff_id", "staff"),
        ("handover_item", "handover_id", "handover"),
    ):
        op.execute(
            f"alter table {table} add constraint fk_{table}_brand_id_{column}_{target} "
            f"foreign key (brand_id, {column}) references {target} (brand_id, id)"
        )
    isolate("account", *_TABLES)
