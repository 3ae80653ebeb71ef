"""Reviews of what was earned, appeals, and what fraud checks compare.

Revision ID: 0011
Revises: 0010
"""

from alembic import op

from shared.migrations import isolate

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_OF_WHOM = """
        brand_id uuid not null,
        id uuid not null,
        entry_id uuid not null,
        staff_id uuid not null,
        unit_id uuid not null,"""
_TABLES = {
    "review": f"""{_OF_WHOM}
        trigger varchar(40) not null,
        cause text not null,
        number integer not null,
        outcome varchar(40) not null,
        reason text not null,
        decided_by text not null,
        decided_at timestamptz not null,
        constraint uq_review_brand_id_trigger_cause_number
            unique (brand_id, trigger, cause, number)""",
    "appeal": f"""{_OF_WHOM}
        review_id uuid not null,
        reason text not null,
        opened_by text not null,
        opened_at timestamptz not null,
        status varchar(40) not null,
        decision text,
        decided_by text,
        decided_at timestamptz,
        constraint uq_appeal_brand_id_review_id unique (brand_id, review_id),
        constraint fk_appeal_brand_id_review_id_review
            foreign key (brand_id, review_id) references review (brand_id, id)""",
}


def upgrade() -> None:
    for table, columns in _TABLES.items():
        op.execute(
            f"create table {table} ({columns}, constraint pk_{table} primary key (brand_id, id))"
        )
    op.execute("create index ix_appeal_open on appeal (brand_id, id) where status = 'open'")
    isolate("account", "appeal", append_only=["review"])
    op.execute("alter table ledger_entry add lead_id uuid")
    op.execute("alter table ledger_entry add contact_id uuid")
    op.execute("alter table ledger_entry add is_self_entered boolean not null default false")
    op.execute(
        "create index ix_ledger_entry_counters on ledger_entry (brand_id, trigger, cause) "
        "where reverses_id is not null"
    )
    op.execute(
        "create index ix_ledger_entry_lead_id on ledger_entry (lead_id) "
        "where reverses_id is null and trigger = 'lead_accepted'"
    )
