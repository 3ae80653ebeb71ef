"""The race has leagues and a quality gate.

Revision ID: 0006
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op

from shared.migrations import isolate

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("standing_change", "standing"):
        op.add_column(
            table,
            sa.Column("voided_leads", sa.Integer(), nullable=False, server_default=sa.text("0")),
        )
    op.add_column("standing", sa.Column("sellers", sa.Integer(), nullable=True))
    op.execute(
        """create table race_policy (
            brand_id uuid not null,
            version integer not null,
            from_period text not null,
            rules jsonb not null,
            created_by text not null,
            created_at timestamptz not null,
            constraint pk_race_policy primary key (brand_id, version))"""
    )
    isolate("account", append_only=["race_policy"])
