"""Handovers have leads and contacts, which no account has.

Revision ID: 0017
Revises: 0016
"""

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "alter table handover_item alter column account_id drop not null, "
        "add column things integer not null default 1"
    )
