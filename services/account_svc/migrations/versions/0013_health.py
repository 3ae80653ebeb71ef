"""Health of accounts, and the facts it is judged by.

Revision ID: 0013
Revises: 0012
"""

from alembic import op

from shared.migrations import isolate

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_TABLES = {
    "health_fact": """
        id bigint generated always as identity constraint pk_health_fact primary key,
        brand_id uuid not null,
        account_id uuid not null,
        kind varchar(40) not null,
        subject_id uuid not null,
        amount integer not null,
        at timestamptz not null""",
    "authorization_state": """
        brand_id uuid not null,
        id uuid not null,
        platform varchar(40) not null,
        account_id uuid,
        ended_reason text,
        ends_at timestamptz,
        constraint pk_authorization_state primary key (brand_id, id)""",
    "account_signal": """
        brand_id uuid not null,
        account_id uuid not null,
        last_post_at timestamptz not null,
        constraint pk_account_signal primary key (brand_id, account_id)""",
    "account_mark": """
        brand_id uuid not null,
        id uuid not null,
        account_id uuid not null,
        kind varchar(40) not null,
        at timestamptz not null,
        constraint pk_account_mark primary key (brand_id, id)""",
    "post_follow": """
        brand_id uuid not null,
        id uuid not null,
        account_id uuid not null,
        follows integer not null,
        measured_at timestamptz not null,
        constraint pk_post_follow primary key (brand_id, id)""",
    "follow_day": """
        brand_id uuid not null,
        account_id uuid not null,
        day date not null,
        won integer not null,
        constraint pk_follow_day primary key (brand_id, account_id, day)""",
    "account_health": """
        brand_id uuid not null,
        account_id uuid not null,
        score integer not null,
        level varchar(40) not null,
        reasons jsonb not null,
        judged_at timestamptz not null,
        changed_at timestamptz not null,
        due_at timestamptz,
        constraint pk_account_health primary key (brand_id, account_id)""",
}
_INDEXES = (
    "index ix_health_fact_brand_id on health_fact (brand_id, id)",
    "index ix_authorization_state_account_id on authorization_state (account_id)",
    "index ix_account_mark_account_id on account_mark (account_id)",
    "index ix_post_follow_account_id on post_follow (account_id)",
    "index ix_account_health_due_at on account_health (due_at)",
    "index ix_account_health_level on account_health (brand_id, level, account_id)",
)


def upgrade() -> None:
    for table, columns in _TABLES.items():
        op.execute(f"create table {table} ({columns})")
    for index in _INDEXES:
        op.execute(f"create {index}")
    # Accounts that are there already are judged as if they had just been touched. Reading them
    # takes the owner's own right over the table, which the policy otherwise binds too.
    op.execute("alter table account no force row level security")
    op.execute(
        "insert into health_fact (brand_id, account_id, kind, subject_id, amount, at) "
        "select brand_id, id, 'touched', id, 0, now() from account"
    )
    op.execute("alter table account force row level security")
    isolate("account", *_TABLES)
    # The review serves every brand.
    for table in ("health_fact", "account_health"):
        op.execute(
            f"create policy every_brand on {table} for select to kos_account_worker using (true)"
        )
