"""An index of the posts of no campaign, which planning keeps away from.

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
    op.create_index(
        "ix_post_of_no_campaign",
        "post",
        ["brand_id", "account_id", "due_at"],
        postgresql_where=sa.text("campaign_id is null and status <> 'withdrawn'"),
    )
