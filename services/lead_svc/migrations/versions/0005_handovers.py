"""Leads and contacts of somebody who leaves.

Revision ID: 0005
Revises: 0004
"""

from alembic import op

from shared.migrations import isolate

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """create table lead_handover (
        brand_id uuid not null,
        id uuid not null,
        staff_id uuid not null,
        taker_ids uuid[] not null,
        leads integer not null,
        contacts integer not null,
        finished_at timestamptz,
        version bigint not null,
        constraint pk_lead_handover primary key (brand_id, id))"""
    )
    isolate("lead", "lead_handover")
