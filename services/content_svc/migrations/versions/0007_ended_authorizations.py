"""Authorisations are announced, and say why they ended.

Revision ID: 0007
Revises: 0006
"""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # the defaults are for the version before, which does not know the columns
    op.execute(
        "alter table platform_authorization "
        "add column version bigint not null default 0, "
        "add column is_extendable boolean not null default true, "
        "add column ended_reason text"
    )
