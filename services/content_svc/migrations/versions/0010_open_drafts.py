"""An index of the drafts that wait on an account.

Revision ID: 0010
Revises: 0009
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.create_index(
        "ix_draft_open",
        "draft",
        ["brand_id", "account_id"],
        postgresql_where=sa.text(
            "status in ('held', 'in_review') or status = 'approved' and not is_planned"
        ),
    )
