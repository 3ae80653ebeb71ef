"""This service's part of a handover, which may be cancelled.

Revision ID: 0009
Revises: 0008
"""

from alembic import op

from shared.migrations import isolate

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """create table content_handover (
        brand_id uuid not null,
        id uuid not null,
        cancelled_at timestamptz,
        version bigint not null,
        constraint pk_content_handover primary key (brand_id, id))"""
    )
    isolate("content", "content_handover")
