"""A level of health gets better once that is sure: what the score alone gives, and since when.

Revision ID: 0023
Revises: 0022
"""

from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.execute("alter table account_health add column score_level varchar(40)")
    op.execute("alter table account_health add column score_level_since timestamptz")
