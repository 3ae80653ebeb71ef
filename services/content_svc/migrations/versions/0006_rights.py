"""Which rights sellers hold by their certificates, and campaigns that ask for some.

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
    # the default is for the version before, which does not know the column
    op.add_column(
        "campaign",
        sa.Column("rights", sa.ARRAY(sa.Text()), nullable=False, server_default="{}"),
    )
    op.create_table(
        "staff_right",
        sa.Column("brand_id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("right", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("brand_id", "staff_id", "right", name="pk_staff_right"),
    )
    isolate("content", "staff_right")
