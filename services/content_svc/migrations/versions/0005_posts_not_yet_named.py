"""An index of the posts that are being brought out and have no name on their platform yet.

They are few. Without it a claim compares each due post with all others of the brand, as long as
nothing has told the planner how many there are: right after a launch, that is.

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_post_not_yet_named",
        "post",
        ["brand_id", "account_id"],
        postgresql_where=sa.text("status = 'dispatching' and platform_post_id is null"),
    )
