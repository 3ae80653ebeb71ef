"""Communities are moved beside customers.

Revision ID: 0011
Revises: 0010
"""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    # the default is for the version before, which knows customers alone
    op.execute(
        "alter table moving_customer add column kind varchar(40) not null default 'customer'"
    )
