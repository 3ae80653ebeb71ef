"""Who hands everything on to others.

Revision ID: 0008
Revises: 0007
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("seller", sa.Column("handover_id", sa.Uuid(), nullable=True))
