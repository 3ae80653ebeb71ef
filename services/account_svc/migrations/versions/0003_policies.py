"""Platform policies that a brand sets for itself.

Revision ID: 0003
Revises: 0002
"""

from alembic import op

from shared.migrations import isolate

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.execute(
        """create table platform_policy (
            brand_id uuid not null,
            id uuid not null,
            platform varchar(40) not null,
            fact varchar(40) not null,
            number integer,
            words text[],
            valid_from timestamptz not null,
            valid_to timestamptz,
            source text not null,
            created_at timestamptz not null,
            constraint pk_platform_policy primary key (brand_id, id))"""
    )
    op.execute(
        "create index ix_platform_policy_platform on platform_policy (brand_id, platform, fact)"
    )
    isolate("account", append_only=["platform_policy"])
