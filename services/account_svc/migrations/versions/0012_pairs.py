"""Profiles as they were seen, and whether pairs are still one persona.

Revision ID: 0012
Revises: 0011
"""

from alembic import op

from shared.migrations import isolate

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_OF_ACCOUNT = "foreign key (brand_id, account_id) references account (brand_id, id)"
_TABLES = {
    "profile_observation": f"""
        brand_id uuid not null,
        id uuid not null,
        account_id uuid not null,
        name text not null,
        bio text,
        picture_hash text,
        store text,
        tone_score integer,
        interests text[],
        observed_by text not null,
        observed_at timestamptz not null,
        constraint pk_profile_observation primary key (brand_id, id),
        constraint fk_profile_observation_brand_id_account_id_account {_OF_ACCOUNT}""",
    "pair_check": f"""
        brand_id uuid not null,
        account_id uuid not null,
        private_account_id uuid not null,
        persona_id uuid not null,
        staff_id uuid not null,
        state text not null,
        score double precision,
        fields jsonb not null,
        checked_at timestamptz not null,
        constraint pk_pair_check primary key (brand_id, account_id),
        constraint fk_pair_check_brand_id_account_id_account {_OF_ACCOUNT}""",
}


def upgrade() -> None:
    for table, columns in _TABLES.items():
        op.execute(f"create table {table} ({columns})")
    op.execute(
        "create index ix_profile_observation_account_id on profile_observation (account_id, id)"
    )
    isolate("account", "pair_check", append_only=["profile_observation"])
    op.execute("alter table persona add name_pattern text")
    op.execute("alter table persona add picture_hash text")
