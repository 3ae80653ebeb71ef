"""How far a campaign's drafts are written is one column of the campaign, not one of every place.

`campaign_place.is_written` stays until no release runs that sets it; a campaign that was half
written by one of them goes on where it was.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

CONTRACT = "the index only sped a query up: the version before finds its rows without it, slower"


def upgrade() -> None:
    op.add_column("campaign", sa.Column("written_through", sa.Uuid(), nullable=True))
    op.alter_column("campaign_place", "is_written", server_default=sa.text("false"))
    op.drop_index("ix_campaign_place_unwritten", "campaign_place")
    op.create_index(
        "ix_staff_directory_departed",
        "staff_directory",
        ["brand_id", "staff_id"],
        postgresql_where=sa.text("is_departed"),
    )
