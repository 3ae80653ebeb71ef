"""Rules pay by formulas, within monthly budgets.

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("incentive_rule", sa.Column("formula", sa.Text(), nullable=True))
    op.add_column("incentive_rule", sa.Column("monthly_budget", sa.BigInteger(), nullable=True))
    op.create_index(
        "ix_ledger_entry_earned_at", "ledger_entry", ["brand_id", "trigger", "earned_at"]
    )
