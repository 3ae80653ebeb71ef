"""People are placed behind the command that asks for it.

Revision ID: 0018
Revises: 0017
"""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.execute("alter table tiering add column asked_at timestamptz not null default now()")
    op.execute("alter table tiering alter column asked_at drop default")
    op.execute("alter table tiering alter column placed_at drop not null")
    op.execute("alter table tiering alter column people drop not null")
